"""The outbox: rows that say what must be mailed, written in the transaction of what they tell.

What a patient must hear follows from what they were last told and what holds now, so every change of a visit ends in
the same question (`_need`). Nothing told yet and it stands: confirm. Told another time: say it changed. Told that it
stands and it is off: say it is cancelled, unless it was canceled quietly. Told what still holds: nothing. So an undo
within the delay leaves no mail, and moving a visit whose confirmation has not left yet changes that confirmation. Mails
that have not left are merged by kind: a re-flow of eight visits is one mail.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import Select, bindparam, select
from sqlalchemy.orm import Session

from scheduler.domain.message_kinds import ANNOUNCING
from scheduler.domain.message_reasons import MessageReason
from scheduler.models.appointment import Appointment
from scheduler.models.clinic import Clinic
from scheduler.models.message import Message, MessageKind, MessageState, MessageSubject
from scheduler.models.patient import Patient
from scheduler.models.user import User
from scheduler.services.mail.reminders import address_of, is_told, recipients
from scheduler.services.mail.sent_invitations import held_by
from scheduler.services.mail.told import LastNotification, last_told, times_document

AFTER_START = timedelta(days=1)  # a cancellation or change is still worth reading this long after the start


def tell(
    session: Session,
    clinic: Clinic,
    appointments: Iterable[Appointment],
    now: datetime,
    *,
    together: bool = False,
) -> None:
    """Notify each patient of what differs from the last notification about these visits, after the clinic's delay.

    One mail a kind and person. `together`: one change mail for all of it, where some visits have other times, some are
    off and some are new, because the rest of a course was planned again.
    """
    for patient, theirs in _by_patient(appointments):
        _tell(session, clinic, patient, theirs, now, together)


def enqueue(
    session: Session,
    clinic: Clinic,
    kind: MessageKind,
    now: datetime,
    *,
    patient: Patient | None = None,
    user: User | None = None,
    recipient: str = "patient",
    values: Mapping[str, Any] | None = None,
    about: Sequence[Appointment] = (),
    due_at: datetime | None = None,
    expires_at: datetime | None = None,
    flush: bool = True,
) -> Message:
    """Add a message to a patient or a user; `values["secret"]` comes from `encrypt_values` and is wiped at its end.

    A caller that adds many at once flushes them together, with `flush=False`.
    """
    message = Message(
        clinic_id=clinic.id,
        kind=kind,
        patient_id=patient.id if patient else None,
        user_id=user.id if user else None,
        recipient="user" if user else recipient,
        values={"times": {}, "before": {}, **(values or {})},
        state=MessageState.PENDING,
        created_at=now,
        due_at=due_at or now,
        urgent_at=due_at or now,
        expires_at=expires_at,
    )
    session.add(message)
    for appointment in about:
        add_subject(message, appointment)
    if flush:
        session.flush()
    return message


def add_subject(message: Message, appointment: Appointment, told: LastNotification | None = None) -> None:
    """Bind a message to a visit in its present version; the mail's usefulness grows with its visits.

    What the reader was last told is what `told` says; without it, what the message's values say already.
    """
    message.subjects.append(
        MessageSubject(
            clinic_id=message.clinic_id,
            appointment_id=appointment.id,
            schedule_version=appointment.schedule_version,
        )
    )
    key, values, live = str(appointment.id), message.values, appointment.status.is_live
    was_off = not told.stands if told else appointment.id in values.get("again", ())
    was = (told.written if told.stands else None) if told else values["before"].get(key)
    others = {
        name: [one for one in values.get(name, ()) if one != appointment.id] for name in ("off", "again")
    }
    if not live:
        others["off"].append(appointment.id)
    elif was_off:
        others["again"].append(appointment.id)
    before = {other: times for other, times in values["before"].items() if other != key}
    message.values = {
        **values,
        **others,
        "times": {**values["times"], key: times_document(appointment)},
        "before": before | ({key: was} if was else {}),
    }


def _tell(
    session: Session,
    clinic: Clinic,
    patient: Patient,
    appointments: Sequence[Appointment],
    now: datetime,
    together: bool,
) -> None:
    session.flush()
    settings = clinic.settings
    told_of = {one.id: one for one in appointments if is_told(one, settings) and one.end_at > now}
    for recipient in recipients(patient):
        unsent = _unsent(session, patient, recipient)
        _take_back(session, unsent, told_of)
        told = last_told(session, told_of, recipient)
        mailed = {subject.appointment_id for message in unsent for subject in message.subjects}
        held = held_by(session, mailed.union(told_of), address_of(patient, recipient))
        by_kind: dict[MessageKind, list[Appointment]] = {}
        for appointment in told_of.values():
            kind = _need(appointment, told.get(appointment.id))
            if kind:
                by_kind.setdefault(kind, []).append(appointment)
        if together and len(by_kind) > 1:
            by_kind = {MessageKind.CHANGE: [one for theirs in by_kind.values() for one in theirs]}
        for kind, theirs in by_kind.items():
            for together_here in _mails(theirs, held):
                waiting = _waiting(unsent, kind, together_here, held)
                _tell_about(session, clinic, patient, recipient, kind, together_here, told, now, waiting)
        _void_empty(unsent, now)
        session.flush()


def _mails(appointments: Sequence[Appointment], held: Collection[int]) -> list[list[Appointment]]:
    """Divide what must be told by mails: calendar programs read one invitation a mail, so each has one at most."""
    invited = [one for one in appointments if one.id in held]
    others = [one for one in appointments if one.id not in held]
    first, *more = [[one] for one in invited] or [[]]
    return [[*first, *others], *more]


def _waiting(
    unsent: Iterable[Message], kind: MessageKind, appointments: Sequence[Appointment], held: Collection[int]
) -> Message | None:
    """Return the mail of this kind that these visits may join."""
    invites = any(one.id in held for one in appointments)
    for message in unsent:
        has_one = any(subject.appointment_id in held for subject in message.subjects)
        if message.kind is kind and not (invites and has_one):
            return message
    return None


def _need(appointment: Appointment, told: LastNotification | None) -> MessageKind | None:
    stands = appointment.status.is_live
    if told is None:
        return MessageKind.CONFIRMATION if stands else None
    if not stands:
        return MessageKind.CANCELLATION if told.stands and not appointment.cancelled_quietly else None
    if told.still_holds(appointment):
        return None
    return MessageKind.CHANGE


def _take_back(session: Session, unsent: Iterable[Message], about: Mapping[int, Appointment]) -> None:
    """Take these visits out of messages that have not left; flushed, so that they may be put in again."""
    for message in unsent:
        kept = [one for one in message.subjects if one.appointment_id not in about]
        if len(kept) < len(message.subjects):
            message.subjects = kept
    session.flush()


def _void_empty(unsent: Iterable[Message], now: datetime) -> None:
    """Close the messages that no visit was put back into."""
    for message in unsent:
        if not message.subjects:
            message.state, message.ended_at = MessageState.VOID, now
            message.explain(MessageReason.CHANGED_UNSENT)


def _tell_about(
    session: Session,
    clinic: Clinic,
    patient: Patient,
    recipient: str,
    kind: MessageKind,
    appointments: Sequence[Appointment],
    told: Mapping[int, LastNotification],
    now: datetime,
    waiting: Message | None,
) -> None:
    """Tell of these visits in the mail of this kind that still waits, or in a new one."""
    due_at = _due_at(clinic, kind, appointments, told, now)
    message = waiting or enqueue(
        session, clinic, kind, now, patient=patient, recipient=recipient, due_at=due_at, flush=False
    )
    for appointment in appointments:
        add_subject(message, appointment, told.get(appointment.id))
    message.due_at = min(message.due_at, due_at)
    starts = [appointment.start_at for appointment in appointments]
    message.urgent_at = min(starts) if message.expires_at is None else min(message.urgent_at or now, *starts)
    last = max(one.end_at for one in appointments) + AFTER_START
    message.expires_at = max(message.expires_at or last, last)


def _unsent(session: Session, patient: Patient, recipient: str) -> list[Message]:
    """Return the mails about visits that may still be changed, the oldest first.

    No process has claimed them, no copy may have gone out, and none claims them before this transaction ends.
    """
    whom = {"patient": patient.id, "reader": recipient}
    return list(session.scalars(_unsent_mails(), whom))


@cache  # built once, asked at every booking
def _unsent_mails() -> Select[Message]:
    return (
        select(Message)
        .where(
            Message.patient_id == bindparam("patient"),
            Message.recipient == bindparam("reader"),
            Message.kind.in_(ANNOUNCING),
            Message.state == MessageState.PENDING,
            Message.resends == 0,
        )
        .order_by(Message.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )


def _due_at(
    clinic: Clinic,
    kind: MessageKind,
    appointments: Sequence[Appointment],
    told: Mapping[int, LastNotification],
    now: datetime,
) -> datetime:
    settings = clinic.settings
    seconds = settings.change_delay_seconds
    if kind is MessageKind.CONFIRMATION:
        seconds = settings.confirmation_delay_seconds
    starts = [appointment.start_at for appointment in appointments]
    starts += [told[one.id].times[0] for one in appointments if one.id in told]
    in_a_rush = any(start - now < timedelta(hours=settings.rush_hours) for start in starts)
    return now if in_a_rush else now + timedelta(seconds=seconds)


def _by_patient(appointments: Iterable[Appointment]) -> list[tuple[Patient, list[Appointment]]]:
    groups: dict[int, tuple[Patient, list[Appointment]]] = {}
    for appointment in appointments:
        groups.setdefault(appointment.patient_id, (appointment.patient, []))[1].append(appointment)
    return list(groups.values())
