"""Whom the desk must call, because a mail did not or may not have arrived; and what the desk does about a mail.

A row stays on the list until its visit has begun or a person has settled it. Settling says who and when; nothing else
about the row changes, so the log keeps telling what happened.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import ColumnElement, and_, or_, select, update
from sqlalchemy.orm import Session

from scheduler.domain.message_reasons import NEEDS_CALL, MessageReason
from scheduler.errors import NotFound, WrongStatus
from scheduler.models.appointment import Appointment
from scheduler.models.clinic import Clinic
from scheduler.models.message import IS_UNSETTLED as unsettled_messages
from scheduler.models.message import Message, MessageKind, MessageState, MessageSubject
from scheduler.models.patient import Patient
from scheduler.models.reasoned import reason_columns
from scheduler.models.reminder import IS_UNSETTLED as unsettled_reminders
from scheduler.models.reminder import Reminder, ReminderState
from scheduler.services.actors import Actor
from scheduler.services.mail import outbox
from scheduler.services.mail.message_ends import ended, wipe
from scheduler.services.trail import audit

CALLED_ABOUT = sorted(reason.value for reason in NEEDS_CALL)
SAID_AGAIN = ("before", "again", "words")  # values of a mail that its repetition has too
UNSENT = (MessageState.FAILED, MessageState.UNCERTAIN)


@dataclass
class CallListEntry:
    """A patient to call: about which visits, and why. `urgent_at` is the first of these visits."""

    patient: Patient
    urgent_at: datetime
    visits: list[Appointment] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)


def calls(session: Session, clinic: Clinic, now: datetime) -> list[CallListEntry]:
    """Return whom to call, the nearest visit first."""
    found: dict[int, CallListEntry] = {}
    for appointment, reason in [*_of_messages(session, clinic, now), *_of_reminders(session, clinic, now)]:
        call = found.setdefault(
            appointment.patient_id, CallListEntry(appointment.patient, appointment.start_at)
        )
        call.urgent_at = min(call.urgent_at, appointment.start_at)
        if appointment not in call.visits:
            call.visits.append(appointment)
        if reason not in call.reasons:
            call.reasons.append(reason)
    return sorted(found.values(), key=lambda call: (call.urgent_at, call.patient.id))


def settle(session: Session, actor: Actor, patient: Patient, now: datetime) -> int:
    """Note that the patient has been called about everything on the list. Returns how many rows that settles."""
    theirs = select(Appointment.id).where(Appointment.patient_id == patient.id)
    rows: list[Message | Reminder] = [
        *session.scalars(select(Message).where(Message.patient_id == patient.id, _bad_message())),
        *session.scalars(select(Reminder).where(Reminder.appointment_id.in_(theirs), _bad_reminder())),
    ]
    for row in rows:
        row.settled_at, row.settled_by_id = now, actor.user_id
    audit.record(session, actor, "patient.called", patient, now)
    session.flush()
    return len(rows)


def find(session: Session, clinic: Clinic, public_id: str) -> Message:
    """Return a mail of the clinic. Raises NotFound."""
    message = session.scalar(
        select(Message)
        .where(Message.clinic_id == clinic.id, Message.public_id == public_id)
        .with_for_update()
    )
    if message is None:
        raise NotFound
    return message


def resend(session: Session, actor: Actor, message: Message, now: datetime) -> Message:
    """Send the same news again as a new mail about those visits that are still as it said. Raises WrongStatus."""
    if message.kind is MessageKind.ADDRESS:
        raise WrongStatus("the patient can enter the new address again on the private page")
    if message.state not in (*UNSENT, MessageState.SENT, MessageState.SKIPPED):
        raise WrongStatus("this message is still being sent")
    about = _unchanged(session, message)
    if message.subjects and not about:
        raise WrongStatus("its visits have changed")
    clinic = actor.clinic
    patient = session.get(Patient, message.patient_id) if message.patient_id else None
    again = outbox.enqueue(
        session,
        clinic,
        message.kind,
        now,
        patient=patient,
        recipient=message.recipient,
        values={name: message.values[name] for name in SAID_AGAIN if name in message.values},
        about=about,
        expires_at=message.expires_at if message.expires_at and message.expires_at > now else None,
    )
    message.settled_at, message.settled_by_id = now, actor.user_id
    audit.record(session, actor, "message.resent", message, now)
    return again


def release(session: Session, actor: Actor, message: Message, now: datetime) -> None:
    """Send a held mail once more, with the same Message-ID. Raises WrongStatus."""
    _must_be_uncertain(message)
    message.explain(MessageReason.RELEASED)
    message.state, message.ended_at = MessageState.PENDING, None
    message.due_at, message.data_at = now, None
    message.resends += 1
    session.execute(
        update(Reminder)
        .where(Reminder.message_id == message.id, Reminder.state == ReminderState.UNCERTAIN)
        .values(state=ReminderState.QUEUED, **reason_columns(MessageReason.NONE))
    )
    audit.record(session, actor, "message.released", message, now)
    session.flush()


def discard(session: Session, actor: Actor, message: Message, now: datetime) -> None:
    """Take a held mail's first try for arrived. Raises WrongStatus."""
    _must_be_uncertain(message)
    ended(session, message, MessageState.UNCERTAIN, MessageReason.DISCARDED, now)
    wipe(message)
    message.settled_at, message.settled_by_id = now, actor.user_id
    audit.record(session, actor, "message.discarded", message, now)
    session.flush()


def _must_be_uncertain(message: Message) -> None:
    if message.state is not MessageState.UNCERTAIN or message.settled_at is not None:
        raise WrongStatus("only a message with unknown delivery needs a decision")


def _of_messages(session: Session, clinic: Clinic, now: datetime) -> Sequence[tuple[Appointment, str]]:
    query = (
        select(Appointment, Message.reason)
        .join(MessageSubject, MessageSubject.appointment_id == Appointment.id)
        .join(Message, Message.id == MessageSubject.message_id)
        .where(Message.clinic_id == clinic.id, _bad_message())
        .where(Appointment.start_at > now)
        .order_by(Appointment.start_at, Message.id)
    )
    return [(appointment, reason) for appointment, reason in session.execute(query)]


def _of_reminders(session: Session, clinic: Clinic, now: datetime) -> Sequence[tuple[Appointment, str]]:
    query = (
        select(Appointment, Reminder.reason)
        .join(Reminder, Reminder.appointment_id == Appointment.id)
        .where(Reminder.clinic_id == clinic.id, _bad_reminder())
        .where(Appointment.start_at > now, Reminder.schedule_version == Appointment.schedule_version)
        .order_by(Appointment.start_at, Reminder.id)
    )
    return [(appointment, reason) for appointment, reason in session.execute(query)]


def _bad_message() -> ColumnElement[bool]:
    skipped = (Message.state == MessageState.SKIPPED) & Message.reason_code.in_(CALLED_ABOUT)
    return and_(unsettled_messages, or_(Message.state.in_(UNSENT), skipped))


def _bad_reminder() -> ColumnElement[bool]:
    skipped = (Reminder.state == ReminderState.SKIPPED) & Reminder.reason_code.in_(CALLED_ABOUT)
    return and_(unsettled_reminders, or_(Reminder.state == ReminderState.FAILED, skipped))


def _unchanged(session: Session, message: Message) -> list[Appointment]:
    found = []
    for subject in message.subjects:
        appointment = session.get_one(Appointment, subject.appointment_id)
        if appointment.schedule_version == subject.schedule_version:
            found.append(appointment)
    return found
