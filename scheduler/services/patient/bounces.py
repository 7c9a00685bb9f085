"""Apply what servers report about mail that was sent: it was not delivered, or the reader complained about it.

A failed mail puts the patient on the call list. The classes are those of a refusal while sending (notify/faults.py):
only a missing mailbox marks the address, or one that is full or closed on two occasions days apart. A refusal of the
clinic's server or domain is no fault of the address; the administrators are notified.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from scheduler.domain.message_reasons import MessageReason
from scheduler.models.clinic import Clinic
from scheduler.models.message import Message, MessageKind, MessageState
from scheduler.models.patient import Patient
from scheduler.models.reminder import Reminder, ReminderState
from scheduler.notify.failure_notices import FAILED, FailureNotice
from scheduler.notify.faults import FailureClass, failure_class
from scheduler.services.actors import Actor
from scheduler.services.mail import notices
from scheduler.services.mail.message_ends import ended
from scheduler.services.patient import unsubscribing

ARRIVED_PERHAPS = (MessageState.SENT, MessageState.UNCERTAIN)
FULL_FOR, FULL_WITHIN = timedelta(days=3), timedelta(days=30)


def apply_notice(session: Session, message: Message, notice: FailureNotice, now: datetime) -> str:
    """Record a failure of this message; a delay or a success changes nothing. Return what it was, in words."""
    status = notice.status or "no status"
    if notice.action != FAILED:
        return f"{notice.action}: {status}"
    if message.state not in ARRIVED_PERHAPS:
        return f"known: {status}"
    ended(session, message, MessageState.FAILED, MessageReason.BOUNCED, now, status)
    for reminder in session.scalars(select(Reminder).where(Reminder.message_id == message.id)):
        if reminder.state in (ReminderState.SENT, ReminderState.UNCERTAIN):
            reminder.state = ReminderState.FAILED
            reminder.explain(MessageReason.BOUNCED, status)
    patient = _patient(session, message)
    if patient is not None:
        _inform(session, message, patient, notice, now)
    session.flush()
    return message.reason


def apply_complaint(session: Session, message: Message, now: datetime) -> None:
    """Stop the reminders of a patient who reported one as spam."""
    patient = _patient(session, message)
    if patient is not None:
        actor = Actor(session.get_one(Clinic, patient.clinic_id), None, None, "patient")
        unsubscribing.unsubscribe(session, actor, patient, now)


def _inform(
    session: Session, message: Message, patient: Patient, notice: FailureNotice, now: datetime
) -> None:
    why = failure_class(notice.status, notice.diagnosis)
    final = not notice.status.startswith("4")
    bad = why is FailureClass.ADDRESS and final
    if why is FailureClass.MAILBOX:
        bad = _was_full_before(session, message, now)
    if bad and message.recipient == "patient" and message.address == patient.email:
        patient.email_bad_at = now
    if why is FailureClass.POLICY:
        notices.refused(session, patient, now)
    else:
        notices.bounced(session, patient, now, bad=bad)


def _was_full_before(session: Session, message: Message, now: datetime) -> bool:
    query = select(Message.reason).where(
        Message.clinic_id == message.clinic_id,
        Message.patient_id == message.patient_id,
        Message.address == message.address,
        Message.reason_code == MessageReason.BOUNCED,
        Message.ended_at.between(now - FULL_WITHIN, now - FULL_FOR),
    )
    return any(failure_class(reason) is FailureClass.MAILBOX for reason in session.scalars(query))


def _patient(session: Session, message: Message) -> Patient | None:
    """Return the patient whom the message was for; None once erased, or if it only asked about a new address."""
    if message.patient_id is None or message.kind is MessageKind.ADDRESS:
        return None
    patient = session.get_one(Patient, message.patient_id)
    return patient if patient.erased_at is None else None
