"""The words of a clinic's mails: ours, or its own for a kind and language; and how a mail would look with them.

Only the body is the clinic's. The subject stays ours, because others see it. A preview is made by the layout that every
mail goes through, of made-up values. Mails about accounts and about a change of address are always ours
(notify/texts.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy.orm import Session

from scheduler.errors import Invalid, NotFound
from scheduler.models.clinic import Clinic
from scheduler.models.message import MessageKind
from scheduler.notify import texts
from scheduler.notify.layout import VisitLine, as_html, as_text, blocks
from scheduler.notify.words import LANGUAGES, Tongue, tongue
from scheduler.services.actors import Actor
from scheduler.services.clinic import clinic_settings
from scheduler.services.mail.calendar_objects import NOTES, CalendarNote
from scheduler.services.mail.letter_words import CONFIRMED, NOT_HELD, PRIVATE
from scheduler.services.mail.letters import FOOTER
from scheduler.services.trail import audit

TITLES = {
    **{kind.value: kind.words for kind in MessageKind},
    CONFIRMED: "Reminder of confirmed visits",
    PRIVATE: "Email to patients without email consent",
}
TITLES |= {
    f"{texts.PROXY}{kind}": f"{TITLES[kind]}, to a proxy" for kind in texts.FOR_PROXIES & TITLES.keys()
}
NOTED = {  # as in a mail about one visit
    MessageKind.CONFIRMATION.value: CalendarNote.INVITATION,
    MessageKind.CHANGE.value: CalendarNote.INVITATION,
    MessageKind.CANCELLATION.value: CalendarNote.WITHDRAWAL,
}
SOON, LENGTH = timedelta(days=3), timedelta(hours=2)


@dataclass(frozen=True)
class Text:
    """The words of one kind of mail in one language, as the clinic has them now.

    `fault` says why the clinic's own words are not used, and ours are instead; empty when they are.
    """

    kind: str
    language: str
    subject: str
    body: str
    own: bool
    placeholders: tuple[str, ...]
    fault: str = ""

    @property
    def title(self) -> str:
        return TITLES[self.kind]


@dataclass(frozen=True)
class Sample:
    """How a mail would look."""

    subject: str
    text: str
    html: str


def every(clinic: Clinic) -> list[Text]:
    """Return all texts that a clinic may word, each kind in each language."""
    editable = [kind for kind in TITLES if kind in texts.EDITABLE]
    return [find(clinic, kind, language) for kind in editable for language in LANGUAGES]


def find(clinic: Clinic, kind: str, language: str) -> Text:
    """Return one text. Raises NotFound, also for a mail that is always ours."""
    if kind not in texts.EDITABLE or language not in LANGUAGES:
        raise NotFound
    own = clinic.settings.mail_texts.get(f"{kind}.{language}", "")
    ours = texts.text_of(kind, language)
    names = tuple(sorted(texts.placeholders(kind)))
    fault = texts.why_unusable(kind, own, language) if own else ""
    return Text(kind, language, ours.subject, own or texts.body_of(ours), bool(own), names, fault)


def save(session: Session, actor: Actor, text: Text, body: str, now: datetime) -> None:
    """Keep the clinic's own words. Raises Invalid naming an unknown placeholder. What equals ours is not kept."""
    name = f"{text.kind}.{text.language}"
    own = {key: value for key, value in actor.clinic.settings.mail_texts.items() if key != name}
    body = body.replace("\r\n", "\n").strip()
    if body.startswith("Subject:"):
        raise Invalid([("body", "must not have its own subject")])
    if body != texts.body_of(texts.text_of(text.kind, text.language)):
        own[name] = body
    try:
        clinic_settings.change(session, actor, {"mail_texts": own}, now)
    except Invalid as refusal:
        reasons = [error["reason"].removeprefix(f"{name}: ") for error in refusal.details["errors"]]
        raise Invalid([("body", reason) for reason in reasons]) from None
    audit.record(session, actor, "mail-text.changed", actor.clinic, now, [name])


def reset(session: Session, actor: Actor, text: Text, now: datetime) -> None:
    """Take our words again; nothing happens where they are in use."""
    name = f"{text.kind}.{text.language}"
    if name in actor.clinic.settings.mail_texts:
        own = {key: value for key, value in actor.clinic.settings.mail_texts.items() if key != name}
        clinic_settings.change(session, actor, {"mail_texts": own}, now)
        audit.record(session, actor, "mail-text.reset", actor.clinic, now, [name])


def sample(clinic: Clinic, text: Text, body: str, now: datetime) -> Sample:
    """Return how a mail with this body would look. Raises BadMailText as saving would refuse it."""
    texts.check(text.kind, body, text.language)
    words = texts.parsed(body, texts.text_of(text.kind, text.language))
    speech = tongue(text.language, clinic.zone, clinic.formats)
    values = _values(clinic, speech, text, now)
    found = blocks(words.paragraphs, values, _visits(text.kind, speech, now))
    subject, footer = texts.filled(text.subject, values), FOOTER[text.language]
    return Sample(
        subject,
        as_text(found, footer, text.language),
        as_html(found, footer, subject, text.language),
    )


def _values(clinic: Clinic, speech: Tongue, text: Text, now: datetime) -> Mapping[str, str]:
    start = _start(now)
    return {
        "first_name": "Ana" if text.kind.startswith(texts.PROXY) else "Maria",
        "patient": "Maria",
        "clinic": clinic.settings.mail_name or clinic.name,
        "phone": clinic.phone,
        "address": clinic.address,
        "link": "https://clinic.example/visits/...",
        "date": speech.day(start),
        "time": speech.time(start),
        "zone": speech.zone_of(start),
        "count": "1",
        "calendar_note": NOTES[text.language][NOTED[text.kind]] if text.kind in NOTED else "",
        "held": NOT_HELD[text.language],
        "lines": "12 visits today\n2 patients to call",
    }


def _visits(kind: str, speech: Tongue, now: datetime) -> list[VisitLine]:
    start = _start(now)
    before = start - timedelta(days=1) if kind == MessageKind.CHANGE else None
    return [
        VisitLine(
            day=speech.day(start),
            times=speech.times(start, start + LENGTH),
            zone=speech.zone_of(start),
            before=f"{speech.day(before)}, {speech.times(before, before + LENGTH)}" if before else "",
            cancelled=kind == MessageKind.CANCELLATION,
        )
    ]


def _start(now: datetime) -> datetime:
    return (now + SOON).astimezone(UTC).replace(minute=0, second=0, microsecond=0)
