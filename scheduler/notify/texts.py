"""The words of the mails: one small text per kind and language, for the plain and the HTML part alike.

A text starts with its `Subject:` line (and `Subject-many:` for several visits). Then come paragraphs, divided by
empty lines. `{name}` is a placeholder; `{visits}` alone in a paragraph is the list of visits; `[words]({link})` alone
in a paragraph is a button. A clinic may replace a text; without a subject line of its own it keeps ours, which is
neutral. Placeholders are only ever looked up by name, never evaluated, and one that is unknown is refused when the
text is saved.

A link is a key to a private page or an account. So it can only be the target of a button, and no placeholder can be
part of another address: no one who words a mail can have the key sent elsewhere. The mails that carry keys to accounts,
and those about a change of address, cannot be reworded at all. A stored text that breaks these rules is not used.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from scheduler.domain.message_kinds import REWORDABLE

FOLDER = Path(__file__).resolve().parents[2] / "templates" / "mail"
PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
BUTTON = re.compile(r"\[([^\]\n]+)\]\(\{(link|action_link)\}\)")
# what mail programs make a link of: a scheme, www., or a host name with something behind it
ADDRESS_LIKE = re.compile(r"://|\bwww\.|\b(?:mailto|tel|sms|data|javascript):|\w\.[\w-]+[/?#:]", re.I)
VISITS, NOTE = "{visits}", "{calendar_note}"
LINKS = ("link", "action_link")
COMMON = frozenset(
    {
        "first_name",
        "clinic",
        "phone",
        "address",
        "link",
        "visits",
        "date",
        "time",
        "zone",
        "count",
        "calendar_note",
    }
)
STAFF = frozenset({"clinic", "date", "lines", "link"})
OWN = {
    "account": frozenset({"action_link", "clinic"}),
    "account-notice": STAFF,
    "address-confirm": frozenset({"clinic", "phone", "link"}),
    "address-notice": frozenset({"clinic", "phone", "new_address"}),
    "digest": STAFF,
    "figures": STAFF,
    "invitation": frozenset({"action_link", "clinic"}),
    "notice": STAFF,
    "offer": COMMON | {"held"},
    "proposal": COMMON | {"held"},
    "task-notice": STAFF,
}


PROXY = "proxy-"  # before a kind: its words to the person who looks after the patient
FOR_PROXIES = frozenset(
    {
        "booster",
        "cancellation",
        "change",
        "confirmation",
        "driver",
        "link",
        "new-place",
        "offer",
        "proposal",
        "reinstated",
        "reminder",
        "reminder-asked",
        "reminder-confirmed",
        "request-declined",
        "request-suggested",
        "requirement-missing",
        "same-hour",
    }
)
# what a clinic may word: not what carries the key to an account or warns of a change of address
OURS = frozenset(
    {"new-place", "reinstated", "reminder-asked", "request-declined", "request-suggested", "same-hour"}
)
EDITABLE = frozenset(
    {*REWORDABLE, *(f"{PROXY}{kind}" for kind in FOR_PROXIES - OURS), "private", "reminder-confirmed"}
)


class BadMailText(ValueError):
    """A text that cannot be used, and why."""


@dataclass(frozen=True, slots=True)
class MailText:
    """A text taken apart: subjects for one and for several visits, and the paragraphs."""

    subject: str
    subject_many: str
    paragraphs: tuple[str, ...]


def text_of(kind: str, language: str, own: Mapping[str, str] | None = None) -> MailText:
    """Return the clinic's own text of `kind` ("reminder.en") if it has one that may be used, else ours."""
    replacement = own.get(f"{kind}.{language}") if own else None
    if not replacement or kind not in EDITABLE or why_unusable(kind, replacement, language):
        return _shipped(kind, language)
    return parsed(replacement, _shipped(kind, language))


@lru_cache(maxsize=256)
def why_unusable(kind: str, text: str, language: str) -> str:
    """Return why a clinic's own text may not be used, empty when it may."""
    try:
        check(kind, text, language)
    except BadMailText as wrong:
        return str(wrong)
    return ""


def body_of(text: MailText) -> str:
    """Return the paragraphs as they are edited."""
    return "\n\n".join(text.paragraphs)


def parsed(text: str, shipped: MailText | None = None) -> MailText:
    """Take a text apart; with a shipped one, a subject is optional. Raises BadMailText without subject or body."""
    text = text.strip().replace("\r\n", "\n")
    head, _, body = text.partition("\n\n")
    if shipped and not head.startswith("Subject:"):
        head, body = f"Subject: {shipped.subject}\nSubject-many: {shipped.subject_many}", text
    fields = dict(line.split(":", 1) for line in head.splitlines() if ":" in line)
    subject = fields.get("Subject", "").strip()
    paragraphs = tuple(part.strip() for part in re.split(r"\n\s*\n", body) if part.strip())
    if not subject or not paragraphs:
        raise BadMailText("the text needs a line 'Subject: ...', an empty line, and a body")
    return MailText(subject, fields.get("Subject-many", subject).strip(), paragraphs)


def placeholders(kind: str) -> frozenset[str]:
    """Return the names that a mail of this kind can fill in."""
    known = OWN.get(kind.removeprefix(PROXY), COMMON)
    return known | {"patient"} if kind.startswith(PROXY) else known


def check(kind: str, text: str, language: str = "en") -> None:
    """Raise BadMailText for a placeholder that a mail of this kind does not have, or one where it must not be."""
    found = parsed(text, _shipped(kind, language))
    for part in (found.subject, found.subject_many):
        _check_part(kind, part)
    for part in found.paragraphs:
        button = BUTTON.fullmatch(part)
        if button and ADDRESS_LIKE.search(button[1]):
            raise BadMailText("the words of a button must not hold a web address")
        _check_part(kind, button[1] if button and button[2] in placeholders(kind) else part)


def _check_part(kind: str, part: str) -> None:
    """Check a subject, the words of a button, or a paragraph that is no button."""
    names = PLACEHOLDER.findall(part)
    for name in names:
        if name not in placeholders(kind):
            raise BadMailText(f"{{{name}}} is not a placeholder of this mail")
        if name in LINKS:
            raise BadMailText(f"{{{name}}} must be a button, a paragraph of its own: [words]({{{name}}})")
    if "visits" in names and part != VISITS:
        raise BadMailText("{visits} must be a paragraph of its own")
    for word in part.split():
        if PLACEHOLDER.search(word) and ADDRESS_LIKE.search(PLACEHOLDER.sub("x", word)):
            raise BadMailText("a placeholder must not be part of a web address")


def filled(text: str, values: Mapping[str, str]) -> str:
    """Return the text with its placeholders replaced, each once: a value is never looked into."""
    return PLACEHOLDER.sub(lambda match: values.get(match[1], match[0]), text)


@cache
def _shipped(kind: str, language: str) -> MailText:
    return parsed((FOLDER / language / f"{kind}.txt").read_text(encoding="utf-8"))
