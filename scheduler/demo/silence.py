"""Mail of a past that did not happen: it was never sent, and its rows say so."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from scheduler.domain.message_reasons import MessageReason
from scheduler.models.appointment import Appointment
from scheduler.models.clinic import Clinic
from scheduler.models.message import Message, MessageState
from scheduler.models.patient import Patient
from scheduler.models.reasoned import reason_columns
from scheduler.models.reminder import Reminder, ReminderState
from scheduler.services.mail.message_ends import ended


def silence(session: Session, clinic: Clinic, now: datetime) -> None:
    """End as skipped what would have been sent by now. It counts as told, so a later change is sent as a change.

    Patients without an address come onto the call list, as they would have.
    """
    due = select(Message).where(
        Message.clinic_id == clinic.id, Message.state == MessageState.PENDING, Message.due_at <= now
    )
    for message in session.scalars(due.order_by(Message.id)).all():
        ended(session, message, MessageState.SKIPPED, MessageReason.DEMO, now)
    overdue = (
        Reminder.clinic_id == clinic.id,
        Reminder.state == ReminderState.PENDING,
        Reminder.due_at <= now,
    )
    unreachable = (
        select(Appointment.id)
        .join(Patient, Patient.id == Appointment.patient_id)
        .where(Appointment.clinic_id == clinic.id, Patient.email.is_(None))
    )
    to_call = (*overdue, Reminder.recipient == "patient", Reminder.appointment_id.in_(unreachable))
    for where, reason in ((to_call, MessageReason.NO_ADDRESS), (overdue, MessageReason.DEMO)):
        values = {"state": ReminderState.SKIPPED, **reason_columns(reason)}
        session.execute(update(Reminder).where(*where).values(values))
