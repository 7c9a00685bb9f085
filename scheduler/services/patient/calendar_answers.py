"""Apply the answers of calendar programs to invitations (iTIP REPLY and COUNTER, RFC 5546).

An answer counts when it comes from the invited address and the visit is still at the time that the answer names;
SEQUENCE also rises when nothing that a reader sees has changed. Accepting confirms. Declining or proposing another time
becomes a request to the desk, and never cancels or moves by itself. Everything else is for a person to read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from icalendar import Calendar, Component
from sqlalchemy import select
from sqlalchemy.orm import Session

from scheduler.domain.status import Response
from scheduler.errors import Refusal
from scheduler.ical.texts import line
from scheduler.models.appointment import Appointment
from scheduler.models.clinic import Clinic
from scheduler.models.patient_request import open_for
from scheduler.services.actors import Actor
from scheduler.services.mail.sent_invitations import was_for_this_time
from scheduler.services.patient import patient_requests, self_service
from scheduler.services.visit.changes import changing

DECLINED = "Declined in the patient's calendar app."
PROPOSED = "Proposed in the patient's calendar app."
SAID = {
    "ACCEPTED": "Accepted",
    "DECLINED": "Declined",
    "TENTATIVE": "Not sure yet",
    "COUNTER": "Another time proposed",
}
ANSWERS = ("REPLY", "COUNTER")


@dataclass(frozen=True, slots=True)
class AnswerOutcome:
    """What became of an answer about one visit; `reason` says why a person must read it, if one must."""

    words: str
    visit: Appointment | None = None
    reason: str = ""
    comment: str = ""
    wanted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Answer:
    said: str
    start: datetime | None
    end: datetime | None
    sequence: str
    comment: str


def take_answers(
    session: Session, contents: list[bytes], sender: str, doubtful: bool, now: datetime
) -> list[AnswerOutcome]:
    """Apply the answers in these calendar files. Empty when they hold none."""
    found: list[AnswerOutcome] = []
    seen: set[str] = set()
    for content in contents:
        for method, event in _events(content):
            uid = str(event.get("UID", ""))
            if method in ANSWERS and uid not in seen:
                seen.add(uid)
                found.append(_take(session, method, uid, event, sender, doubtful, now))
    return found


def _events(content: bytes) -> Iterator[tuple[str, Component]]:
    try:
        calendars = Calendar.from_ical(content, multiple=True)
    except (ValueError, IndexError, KeyError):
        return
    for calendar in calendars:
        method = str(calendar.get("METHOD", "")).strip().upper()
        yield from ((method, event) for event in calendar.walk("VEVENT"))


def _take(
    session: Session, method: str, uid: str, event: Component, sender: str, doubtful: bool, now: datetime
) -> AnswerOutcome:
    query = select(Appointment).where(Appointment.uid == uid).with_for_update(of=Appointment, key_share=True)
    visit = session.scalar(query) if uid else None
    if visit is None:
        return AnswerOutcome(
            "an answer about no known visit", reason="Answers a calendar entry that is unknown here."
        )
    answer = _read(event, method, sender, visit)
    wanted = answer.start if method == "COUNTER" else None
    what = SAID.get(answer.said, "An answer without a decision")
    if why := _why_not(session, visit, answer, method, sender, doubtful):
        reason = f"{what} in a calendar app; not applied, because {why}."
        return AnswerOutcome(f"for a person: {why}", visit, reason, answer.comment, wanted)
    actor = Actor(session.get_one(Clinic, visit.clinic_id), None, None, "patient")
    try:
        with session.begin_nested():
            return _apply(session, actor, visit, answer, now)
    except Refusal as refusal:
        reason = f"{what} in a calendar app; not applied: {refusal.words}."[:200]
        return AnswerOutcome(f"for a person: {refusal.code}", visit, reason, answer.comment, wanted)


def _why_not(
    session: Session, visit: Appointment, answer: _Answer, method: str, sender: str, doubtful: bool
) -> str:
    if sender not in {(one or "").lower() for one in (visit.patient.email, visit.patient.proxy_email)} - {""}:
        return "it does not come from the invited address"
    if doubtful:
        return "the sender could not be verified"
    if not visit.status.is_ahead:
        return "the visit is over or canceled"
    if method == "REPLY" and not _is_present_time(session, visit, answer):
        return "it is about another time than the present one"
    return ""


def _is_present_time(session: Session, visit: Appointment, answer: _Answer) -> bool:
    if answer.start is None:  # a program that leaves out the time
        return answer.sequence == str(visit.sequence) or was_for_this_time(session, visit, answer.sequence)
    return answer.start == visit.start_at and answer.end in (None, visit.end_at)


def _apply(
    session: Session, actor: Actor, visit: Appointment, answer: _Answer, now: datetime
) -> AnswerOutcome:
    asked = open_for(session, visit)
    declined_before = asked is not None and asked.note.startswith(DECLINED)
    comment = answer.comment
    if answer.said == "ACCEPTED":
        self_service.confirm(session, actor, visit, now)
        if asked is not None and declined_before:
            patient_requests.withdraw(session, actor, asked, now)
        return AnswerOutcome(
            "accepted", visit, "Accepted in a calendar app, with a comment." if comment else "", comment
        )
    if answer.said == "DECLINED":
        return _decline(session, actor, visit, answer, now)
    if answer.said == "COUNTER" and answer.start and answer.start > now and answer.start != visit.start_at:
        self_service.ask(session, actor, visit, now, answer.start, f"{PROPOSED} {comment}")
        return AnswerOutcome("another time proposed", visit)
    what = SAID.get(answer.said, "An answer without a decision")
    return AnswerOutcome("no decision", visit, f"{what} in a calendar app.", comment, None)


def _decline(
    session: Session, actor: Actor, visit: Appointment, answer: _Answer, now: datetime
) -> AnswerOutcome:
    comment, again = answer.comment, visit.response is Response.DECLINED
    with_comment = "Declined in a calendar app, with a comment." if comment else ""
    if not again:
        with changing(session, actor, now, [visit]) as change:
            change.note(visit, "decline")
            visit.response = Response.DECLINED
    elif not comment:
        return AnswerOutcome("declined", visit)
    asked = open_for(session, visit)
    if again or (asked is not None and asked.wanted_at is not None):
        return AnswerOutcome("declined", visit, with_comment, comment)  # what was asked for stays as it is
    try:
        self_service.ask(session, actor, visit, now, note=f"{DECLINED} {comment}")
    except Refusal:
        reason = "Declined in a calendar app, too late to ask for another time on the private page."
        return AnswerOutcome("declined, too late to ask for another time", visit, reason, comment)
    return AnswerOutcome("declined", visit)


def _read(event: Component, method: str, sender: str, visit: Appointment) -> _Answer:
    said = "COUNTER" if method == "COUNTER" else _partstat(event, sender)
    sequence, comments = event.get("SEQUENCE", 0), _listed(event.get("COMMENT"))
    return _Answer(
        said=said,
        start=_moment(event, "DTSTART", visit),
        end=_moment(event, "DTEND", visit),
        sequence=str(sequence),
        comment=" ".join(filter(None, (line(str(one)) for one in comments)))[:400],
    )


def _partstat(event: Component, sender: str) -> str:
    """Return what the sender answers, or the only attendee of an answer from another address."""
    attendees = _listed(event.get("ATTENDEE"))
    theirs = [one for one in attendees if str(one).lower().removeprefix("mailto:") == sender]
    chosen = theirs or (attendees if len(attendees) == 1 else [])
    return str(getattr(chosen[0], "params", {}).get("PARTSTAT", "")).upper() if chosen else ""


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _moment(event: Component, name: str, visit: Appointment) -> datetime | None:
    """Return a time of the event; one without a zone is local to the clinic. None for a date or what is no time."""
    value = getattr(event.get(name), "dt", None)
    if not isinstance(value, datetime):
        return None
    return (value if value.tzinfo else value.replace(tzinfo=visit.zone)).astimezone(UTC)
