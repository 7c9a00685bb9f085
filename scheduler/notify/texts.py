"""The words of the mails: one small text per kind and language, for the plain and the HTML part alike.

A text starts with its `Subject:` line (and `Subject-many:` for several visits). Then come paragraphs, divided by
empty lines. `{name}` is a placeholder; `{visits}` alone in a paragraph is the list of visits; `[words]({link})` alone
in a paragraph is a button. A clinic may replace a text; without a subject line of its own it keeps ours, which is
neutral. Placeholders are only ever looked up by name, never evaluated, and one that is unknown is refused when the
text is saved.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "templates" / "mail"
PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
BUTTON = re.compile(r"\[([^\]]+)\]\(\{(\w+)\}\)")
VISITS = "{visits}"
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
    "digest": STAFF,
    "invitation": frozenset({"action_link", "clinic"}),
    "notice": STAFF,
}


class BadText(ValueError):
    """A text that cannot be used, and why."""


@dataclass(frozen=True, slots=True)
class MailText:
    """A text taken apart: subjects for one and for several visits, and the paragraphs."""

    subject: str
    subject_many: str
    paragraphs: tuple[str, ...]


def text_of(kind: str, language: str, own: Mapping[str, str] | None = None) -> MailText:
    """Return the clinic's own text of `kind` ("reminder.en") if it has one, else ours."""
    shipped = _shipped(kind, language)
    replacement = own.get(f"{kind}.{language}") if own else None
    return parsed(replacement, shipped) if replacement else shipped


def body_of(text: MailText) -> str:
    """Return the paragraphs as they are edited."""
    return "\n\n".join(text.paragraphs)


def parsed(text: str, shipped: MailText | None = None) -> MailText:
    """Take a text apart; with a shipped one, the subject may be left to it. Raises BadText without subject or body."""
    text = text.strip().replace("\r\n", "\n")
    head, _, body = text.partition("\n\n")
    if shipped and not head.startswith("Subject:"):
        head, body = f"Subject: {shipped.subject}\nSubject-many: {shipped.subject_many}", text
    fields = dict(line.split(":", 1) for line in head.splitlines() if ":" in line)
    subject = fields.get("Subject", "").strip()
    paragraphs = tuple(part.strip() for part in re.split(r"\n\s*\n", body) if part.strip())
    if not subject or not paragraphs:
        raise BadText("the text needs a line 'Subject: ...', an empty line, and a body")
    return MailText(subject, fields.get("Subject-many", subject).strip(), paragraphs)


def placeholders(kind: str) -> frozenset[str]:
    """Return the names that a mail of this kind can fill in."""
    return OWN.get(kind, COMMON)


def check(kind: str, text: str, language: str = "en") -> None:
    """Raise BadText naming a placeholder that a mail of this kind does not have."""
    found = parsed(text, _shipped(kind, language))
    allowed = placeholders(kind)
    for part in (found.subject, found.subject_many, *found.paragraphs):
        for name in PLACEHOLDER.findall(part):
            if name not in allowed:
                raise BadText(f"{{{name}}} is not a placeholder of this mail")
        if "visits" in PLACEHOLDER.findall(part) and part != VISITS:
            raise BadText("{visits} must be a paragraph of its own")


def filled(text: str, values: Mapping[str, str]) -> str:
    """Return the text with its placeholders replaced, each once: a value is never looked into."""
    return PLACEHOLDER.sub(lambda match: values.get(match[1], match[0]), text)


@cache
def _shipped(kind: str, language: str) -> MailText:
    return parsed((FOLDER / language / f"{kind}.txt").read_text(encoding="utf-8"))
