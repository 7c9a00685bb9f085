"""What the DNS says about the domain that mail is sent from: where answers go (MX), SPF, DKIM and DMARC.

SPF: RFC 7208; DKIM: RFC 6376; DMARC: RFC 7489, with the record of the nearest domain that has one.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from dns.exception import DNSException
from dns.resolver import NXDOMAIN, NoAnswer, Resolver

from config import DkimKey

MOST_LOOKUPS = 10  # RFC 7208, 4.6.4: a receiver gives up after so many
LOOKING_UP = ("a", "mx", "ptr", "exists", "include", "redirect")
MECHANISMS = ("all", "ip4", "ip6", *LOOKING_UP)
MECHANISM = re.compile(r"([+?~-]?)([a-z0-9]+)(?:[:/=](.*))?", re.IGNORECASE)
MODIFIER = re.compile(r"[a-z][a-z0-9_.-]*=.*", re.IGNORECASE)
TIMEOUT = 10.0  # seconds for one question
POLICIES = ("none", "quarantine", "reject")


class CheckState(StrEnum):
    OK = "ok"
    WARNING = "warning"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found, and what to do about it."""

    name: str
    state: CheckState
    words: str


@dataclass(frozen=True, slots=True)
class Dmarc:
    """A DMARC record: the domain that holds it, and whether the domains of SPF and DKIM must equal that of From."""

    domain: str
    policy: str
    strict_spf: bool = False
    strict_dkim: bool = False


class Unanswered(Exception):
    """A name server that does not answer, or answers with a failure."""


class Dns:
    """Questions to a name server: this machine's, or `server` as HOST or HOST:PORT."""

    def __init__(self, server: str | None = None) -> None:
        self._resolver = Resolver(configure=server is None)
        self._resolver.lifetime = TIMEOUT
        if server is not None:
            host, _, port = server.rpartition(":") if server.count(":") == 1 else (server, "", "")
            self._resolver.nameservers = [host]
            self._resolver.port = int(port or 53)

    def texts(self, name: str) -> list[str]:
        return [b"".join(one.strings).decode("utf-8", "replace") for one in self._records(name, "TXT")]

    def has(self, name: str, kind: str) -> bool:
        return bool(self._records(name, kind))

    def mail_hosts(self, name: str) -> list[str]:
        """Return the hosts that take mail for a domain, with "" for one that takes none (RFC 7505)."""
        return [str(one.exchange).rstrip(".") for one in self._records(name, "MX")]

    def _records(self, name: str, kind: str) -> list[Any]:
        try:
            return list(self._resolver.resolve(name, kind, search=False))
        except (NXDOMAIN, NoAnswer):
            return []
        except (DNSException, OSError) as trouble:
            raise Unanswered(f"No answer about {name}: {type(trouble).__name__}.") from None


def check_records(dns: Dns, domain: str, key: DkimKey | None) -> list[Finding]:
    """Check what the domain of From publishes, and the public half of the key that Seriate signs with, if it does."""
    found = [_checked("MX", lambda: _mx(dns, domain)), _checked("SPF", lambda: _spf(dns, domain))]
    if key is not None:
        found.append(_checked("DKIM key", lambda: _dkim_key(dns, domain, key)))
    return [*found, _checked("DMARC", lambda: _dmarc(dns, domain))]


def dmarc_of(dns: Dns, domain: str) -> Dmarc | None:
    """Return the DMARC record that holds for a domain: its own, or that of the nearest domain above it.

    Raises Unanswered, and ValueError for a record that receivers cannot read.
    """
    labels = domain.split(".")
    for above in range(max(len(labels) - 1, 1)):
        name = ".".join(labels[above:])
        records = [one for one in dns.texts(f"_dmarc.{name}") if _tags(one).get("v") == "DMARC1"]
        if len(records) > 1:
            raise ValueError(
                f"_dmarc.{name} has {len(records)} DMARC records, so receivers use none. Keep one."
            )
        if records:
            return _read_dmarc(name, records[0], of_parent=above > 0)
    return None


def is_aligned(other: str, domain: str, dmarc: Dmarc | None, *, strict: bool) -> bool:
    """Tell whether a domain that SPF or DKIM has proved speaks for the domain of From."""
    other = other.lower().rstrip(".")
    if strict:
        return other == domain
    top = dmarc.domain if dmarc else domain
    return f".{other}".endswith(f".{top}") or f".{domain}".endswith(f".{other}")


def public_record(key: DkimKey) -> str:
    """Return the TXT record that holds the public half of the key."""
    public = load_pem_private_key(key.pem, password=None).public_key()
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return f"v=DKIM1; k=rsa; p={base64.b64encode(der).decode()}"


def _checked(name: str, check: Callable[[], tuple[CheckState, str]]) -> Finding:
    try:
        return Finding(name, *check())
    except (Unanswered, ValueError) as trouble:
        return Finding(name, CheckState.FAULT, str(trouble))


def _mx(dns: Dns, domain: str) -> tuple[CheckState, str]:
    hosts = dns.mail_hosts(domain)
    if any(hosts):
        return CheckState.OK, f"Mail to {domain} goes to {', '.join(hosts)}."
    if not hosts and (dns.has(domain, "A") or dns.has(domain, "AAAA")):
        return (
            CheckState.WARNING,
            f"{domain} has no MX record; mail goes to its address record, if anything listens there.",
        )
    return CheckState.FAULT, f"{domain} takes no mail, so bounces and answers are lost. Publish an MX record."


def _spf(dns: Dns, domain: str) -> tuple[CheckState, str]:
    record = _spf_record(dns, domain)
    if record is None:
        advice = f'Publish a TXT record for {domain}: "v=spf1 include:RELAY -all", with what your mail provider names.'
        return CheckState.FAULT, f"{domain} has no SPF record. {advice}"
    lookups = sum(1 for _ in _lookups(dns, record, {domain}))
    if lookups > MOST_LOOKUPS:
        return (
            CheckState.FAULT,
            f"The SPF record needs {lookups} look-ups; receivers stop after {MOST_LOOKUPS}: {record}",
        )
    ends = [one for one in map(MECHANISM.fullmatch, record.split()[1:]) if one and one[2].lower() == "all"]
    if ends and ends[0][1] in ("", "+"):
        return CheckState.FAULT, f"The SPF record lets every server send. End it with -all: {record}"
    redirects = any(one.lower().startswith("redirect=") for one in record.split())
    if (not ends and not redirects) or (ends and ends[0][1] == "?"):
        return CheckState.WARNING, f"The SPF record forbids no server. End it with -all or ~all: {record}"
    return CheckState.OK, record


def _spf_record(dns: Dns, domain: str) -> str | None:
    records = [one for one in dns.texts(domain) if re.match(r"v=spf1( |$)", one, re.IGNORECASE)]
    if len(records) > 1:
        raise ValueError(
            f"{domain} has {len(records)} SPF records, so receivers use none. Merge them into one."
        )
    return records[0] if records else None


def _lookups(dns: Dns, record: str, seen: set[str]) -> Iterator[str]:
    """Give every term that makes a receiver look something up. Raises ValueError for a term that it cannot read."""
    for term in record.split()[1:]:
        found = MECHANISM.fullmatch(term)
        kind = found[2].lower() if found else ""
        if kind not in MECHANISMS:
            if not MODIFIER.fullmatch(term):
                raise ValueError(f"The SPF record holds a term that receivers cannot read: {term}")
            continue
        if kind not in LOOKING_UP:
            continue
        yield term
        other = (found[3] if found else "") or ""
        if kind in ("include", "redirect") and "%" not in other and other not in seen:
            inner = _spf_record(dns, other)
            if inner is None:
                raise ValueError(f"The SPF record includes {other}, which has none.")
            yield from _lookups(dns, inner, seen | {other})


def _dkim_key(dns: Dns, domain: str, key: DkimKey) -> tuple[CheckState, str]:
    name, wanted = f"{key.selector}._domainkey.{key.domain}", public_record(key)
    records = [_tags(one) for one in dns.texts(name)]
    keys = [one["p"].replace(" ", "") for one in records if "p" in one]
    if _tags(wanted)["p"] not in keys:
        what = f"{name} holds another key" if any(keys) else f"{name} holds no key"
        return CheckState.FAULT, f'{what}. Publish a TXT record there: "{wanted}"'
    dmarc = dmarc_of(dns, domain)
    if dmarc and dmarc.strict_dkim and key.domain != domain:
        return (
            CheckState.FAULT,
            f"DMARC of {dmarc.domain} is strict (adkim=s): sign with DKIM_DOMAIN={domain}.",
        )
    return CheckState.OK, f"{name} holds the key that Seriate signs with."


def _dmarc(dns: Dns, domain: str) -> tuple[CheckState, str]:
    dmarc = dmarc_of(dns, domain)
    if dmarc is None:
        record = f'"v=DMARC1; p=none; rua=mailto:postmaster@{domain}"'
        return (
            CheckState.FAULT,
            f"{domain} has no DMARC record. Publish a TXT record for _dmarc.{domain}: {record}",
        )
    if dmarc.policy == "none":
        return (
            CheckState.OK,
            f"_dmarc.{dmarc.domain}: p=none. Receivers only report; later choose p=quarantine.",
        )
    return CheckState.OK, f"_dmarc.{dmarc.domain}: p={dmarc.policy}."


def _read_dmarc(name: str, record: str, *, of_parent: bool) -> Dmarc:
    tags = _tags(record)
    policy = (tags.get("sp") if of_parent else None) or tags.get("p", "")
    if policy.lower() not in POLICIES:
        raise ValueError(
            f"_dmarc.{name} has no policy that receivers can read (p=none, quarantine or reject): {record}"
        )
    return Dmarc(name, policy.lower(), tags.get("aspf") == "s", tags.get("adkim") == "s")


def _tags(record: str) -> dict[str, str]:
    """Read the form `v=DMARC1; p=none` that DKIM and DMARC share."""
    pairs = (one.partition("=") for one in record.split(";"))
    return {name.strip().lower(): value.strip() for name, equals, value in pairs if equals}
