"""A mail to our own inbox, to see how it arrives: whether it does, with a +tag too, and what the server says of it.

The server that takes it in writes what it thinks of SPF, DKIM and DMARC (Authentication-Results, RFC 8601). Many write
nothing on mail within one domain; then the signatures are verified here, and SPF is left to a mailbox elsewhere.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.utils import parseaddr
from functools import partial

import dkim

from config import MailServer, domain_of
from scheduler.notify import imap, received
from scheduler.notify.faults import SendFault
from scheduler.notify.mail import Mail, as_bytes, message_id
from scheduler.notify.sender_records import CheckState, Dmarc, Dns, Finding, Unanswered, dmarc_of, is_aligned
from scheduler.notify.smtp import Connection, Envelope

SUBJECT = "Seriate mail check"
TEXT = "This mail shows that Seriate can send mail and read this mailbox. You can delete it."
EVERY = 1.0  # seconds between two looks into the inbox
COMMENT = re.compile(r"\([^()]*\)")
RESULT = re.compile(r"^\s*(spf|dkim|dmarc)\s*=\s*([a-z]+)(.*)", re.IGNORECASE | re.DOTALL)
PROVED = {  # the domain that a result is about
    "spf": re.compile(r"smtp\.mailfrom\s*=\s*(?:\"?[^\s@;]*@)?([\w.-]+)", re.IGNORECASE),
    "dkim": re.compile(r"header\.(?:d|i)\s*=\s*(?:[^\s@;]*@)?([\w.-]+)", re.IGNORECASE),
}
OUTSIDE = "To see it judged, send one to a mailbox elsewhere: flask mail check --to NAME@gmail.com"


@dataclass(frozen=True, slots=True)
class Probe:
    """What is sent: from whom, by which server, signed by what, under which random id."""

    smtp: MailServer
    final_wait: int
    mail_from: str
    sign: Callable[[bytes], bytes]
    key: str
    dated_at: datetime

    def send(self, recipient: str) -> str:
        """Send one mail and return its Message-ID. Raises SendFault."""
        mail = Mail(
            sender=self.mail_from,
            recipient=recipient,
            subject=SUBJECT,
            text=TEXT,
            html=f'<html lang="en"><body><p>{TEXT}</p></body></html>',
            dated_at=self.dated_at.replace(microsecond=0),
            message_id=message_id(f"{self.key}{'-tagged' * ('+' in recipient)}", self.mail_from),
        )
        connection = Connection(self.smtp, self.final_wait)
        try:
            connection.offer(Envelope(self.address, recipient))
            connection.deliver(self.sign(as_bytes(mail)))
        finally:
            connection.close()
        return mail.message_id

    @property
    def address(self) -> str:
        return parseaddr(self.mail_from)[1]

    @property
    def tagged(self) -> str:
        """The address with a +tag, as that to which bounces of a mail come back."""
        local, _, domain = self.address.rpartition("@")
        return f"{local}+{self.key}@{domain}"


def check_sending(probe: Probe, recipient: str) -> Finding:
    """Send to a mailbox that Seriate cannot read, for a person to look at."""
    try:
        probe.send(recipient)
    except SendFault as fault:
        return Finding("Sending", CheckState.FAULT, f"The mail server did not take a mail: {fault}")
    words = (
        f"Sent to {recipient}. Look at its original there: it must say spf=pass, dkim=pass and dmarc=pass."
    )
    return Finding("Sending", CheckState.OK, words)


def check_inbox(probe: Probe, server: MailServer, dns: Dns, wait: float) -> list[Finding]:
    """Send to the inbox, plain and with a +tag, and see how it arrives within so many seconds."""
    try:
        with imap.inbox(server) as mailbox:
            last = max(imap.search(mailbox, "ALL"), default=0)
    except imap.TROUBLE as trouble:
        words = f"The inbox on {server.host} cannot be read: {trouble}"
        return [Finding("Inbox", CheckState.FAULT, words)]
    found = [Finding("Inbox", CheckState.OK, f"The inbox on {server.host} can be read.")]
    sent: dict[str, str] = {}
    for name, recipient in (("Sending", probe.address), ("Sub-addressing", probe.tagged)):
        try:
            sent[name] = probe.send(recipient)
        except SendFault as fault:
            found.append(
                Finding(
                    name, CheckState.FAULT, f"The mail server did not take a mail to {recipient}: {fault}"
                )
            )
    try:
        arrived = _await(server, last, sent, wait)
    except imap.TROUBLE as trouble:
        return [
            *found,
            Finding("Inbox", CheckState.FAULT, f"The inbox on {server.host} stopped answering: {trouble}"),
        ]
    return [*found, *_arrivals(probe, sent, arrived, wait), *_judgments(probe, arrived, dns)]


def _await(server: MailServer, last: int, sent: dict[str, str], wait: float) -> dict[str, bytes]:
    """Return what has arrived of what was sent, by name, once all has or the time is over."""
    arrived: dict[str, bytes] = {}
    end = time.monotonic() + wait
    while len(arrived) < len(sent):
        with imap.inbox(server) as mailbox:
            for uid in (one for one in imap.search(mailbox, f"UID {last + 1}:*") if one > last):
                last, content = uid, imap.fetch(mailbox, uid, received.LARGEST) or b""
                arrived |= {name: content for name, its_id in sent.items() if _is(content, its_id)}
        if time.monotonic() >= end:
            break
        if len(arrived) < len(sent):
            time.sleep(EVERY)
    return arrived


def _is(content: bytes, its_id: str) -> bool:
    head = content.replace(b"\r\n", b"\n").partition(b"\n\n")[0]
    return (
        re.search(rb"^message-id:\s*" + re.escape(its_id.encode()), head, re.IGNORECASE | re.MULTILINE)
        is not None
    )


def _arrivals(probe: Probe, sent: dict[str, str], arrived: dict[str, bytes], wait: float) -> list[Finding]:
    found = []
    if "Sending" in sent:
        words = f"A mail to {probe.address} arrived in the inbox."
        if "Sending" not in arrived:
            words = f"A mail to {probe.address} did not arrive in the inbox within {wait:.0f} seconds."
        found.append(Finding("Sending", _state("Sending" in arrived), words))
    if "Sub-addressing" in sent and "Sending" in arrived:
        words = f"A mail to {probe.tagged} arrived as well."
        if "Sub-addressing" not in arrived:
            words = (
                f"A mail to {probe.tagged} did not arrive, so bounces will not. Switch sub-addressing (plus "
                "addressing) on at the mail server."
            )
        found.append(Finding("Sub-addressing", _state("Sub-addressing" in arrived), words))
    return found


def _judgments(probe: Probe, arrived: dict[str, bytes], dns: Dns) -> list[Finding]:
    content = next(iter(arrived.values()), None)
    if content is None:
        return []
    domain = domain_of(probe.mail_from)
    try:
        dmarc = dmarc_of(dns, domain)
    except (Unanswered, ValueError):
        dmarc = None
    mail = received.parse(content)
    results = _results(mail)
    if results:
        return [Finding("Authentication", *_judged(results, domain, dmarc))]
    return [Finding("Signature", *_verified(content, domain, dmarc, dns))]


def _results(mail: EmailMessage) -> list[tuple[str, str, str]]:
    """Return (method, result, rest) of each Authentication-Results; each program on the way may have written one."""
    headers = (COMMENT.sub(" ", str(one)) for one in mail.get_all("Authentication-Results", []))
    parts = (part for header in headers for part in header.split(";")[1:])
    return [(found[1].lower(), found[2].lower(), found[3]) for part in parts if (found := RESULT.match(part))]


def _judged(results: list[tuple[str, str, str]], domain: str, dmarc: Dmarc | None) -> tuple[CheckState, str]:
    said = ", ".join(f"{method}={result}" for method, result, _ in results)
    by_dmarc = [result for method, result, _ in results if method == "dmarc"]
    aligned = [
        method
        for method, result, rest in results
        if result == "pass"
        and method in PROVED
        and (proved := PROVED[method].search(rest))
        and is_aligned(proved[1], domain, dmarc, strict=_is_strict(method, dmarc))
    ]
    passed = by_dmarc[0] == "pass" if by_dmarc else bool(aligned)
    if not passed:
        return (
            CheckState.FAULT,
            f"The receiving server says {said}: neither SPF nor DKIM speaks for {domain}.",
        )
    if by_dmarc and not aligned:  # it names no domains
        return CheckState.OK, f"The receiving server says {said}."
    if "dkim" not in aligned:
        return (
            CheckState.WARNING,
            f"The receiving server says {said}. Without DKIM of {domain}, forwarded mail fails DMARC.",
        )
    return CheckState.OK, f"The receiving server says {said}; aligned with {domain}: {', '.join(aligned)}."


def _verified(content: bytes, domain: str, dmarc: Dmarc | None, dns: Dns) -> tuple[CheckState, str]:
    """Verify the signatures, for a server that does not say what it thinks of them."""
    headers = received.parse(content).get_all("DKIM-Signature", [])
    strict = _is_strict("dkim", dmarc)
    for index in range(min(len(headers), 5)):
        signature = dkim.DKIM(content)
        try:
            good = signature.verify(index, dnsfunc=partial(_key_text, dns))
        except (dkim.DKIMException, Unanswered):
            continue
        by = signature.domain.decode("ascii", "replace")
        if good and is_aligned(by, domain, dmarc, strict=strict):
            return (
                CheckState.OK,
                f"Signed by {by} (verified here; the receiving server says nothing). {OUTSIDE}",
            )
    if not headers:
        return (
            CheckState.WARNING,
            f"No signature is on the mail, and the receiving server says nothing of it. {OUTSIDE}",
        )
    return CheckState.FAULT, f"No signature on the mail is a good one of {domain}. {OUTSIDE}"


def _key_text(dns: Dns, name: bytes, timeout: float = 0) -> bytes | None:  # noqa: ARG001  (dkimpy gives it)
    found = dns.texts(name.decode("ascii").rstrip("."))
    return found[0].encode() if found else None


def _is_strict(method: str, dmarc: Dmarc | None) -> bool:
    return dmarc is not None and (dmarc.strict_spf if method == "spf" else dmarc.strict_dkim)


def _state(good: bool) -> CheckState:
    return CheckState.OK if good else CheckState.FAULT
