"""What a restored database needs before it may send again: no one gets a second time what left after the backup.

A backup knows what was waiting when it was taken, not what has left since. So what was due by the time of the
restore is in doubt: it is shown as uncertain, and a person releases or discards each in the send log. All sending is
held until `flask clock agree`, because a copy that is restored to be looked at must not write to patients at all.
Browsers that were signed in then are signed out.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Integer, String, column, insert, select, table, update
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from scheduler.database import UTCDateTime
from scheduler.domain.message_reasons import HoldReason, MessageReason
from scheduler.models import clinic as clinics
from scheduler.models.appointment import Appointment
from scheduler.models.channel import EMAIL
from scheduler.models.clinic import Clinic
from scheduler.models.message import Message, MessageState
from scheduler.models.patient import Patient
from scheduler.models.reminder import Reminder, ReminderState
from scheduler.models.user_session import UserSession
from scheduler.services.actors import Actor
from scheduler.services.mail import channels, outbox
from scheduler.services.mail.due import kind_of
from scheduler.services.mail.message_ends import ended
from scheduler.services.trail import audit

UNFINISHED = HoldReason.RESTORE_UNFINISHED
CHANNEL = table(  # as every schema has it that a backup can be of
    "channel",
    column("name", String()),
    column("failures", Integer()),
    column("reason", String()),
    column("held_at", UTCDateTime()),
    column("held_reason", String()),
    column("held_code", String()),
    column("changed_at", UTCDateTime()),
)


@dataclass(frozen=True)
class Doubts:
    """How many mails wait for a person's word, and how many browsers were signed out."""

    held: int
    signed_out: int


def hold_at_once(connection: Connection, now: datetime) -> None:
    """Hold all sending, in the transaction that brings the rows: the database may be at an older schema yet."""
    values = {
        "held_at": now,
        "held_reason": UNFINISHED.words(),
        "held_code": UNFINISHED.value,
        "changed_at": now,
    }
    found = connection.execute(update(CHANNEL).where(CHANNEL.c.name == EMAIL).values(values))
    if found.rowcount == 0:
        connection.execute(insert(CHANNEL).values(name=EMAIL, failures=0, reason="", **values))


def is_unfinished(connection: Connection) -> bool:
    """Tell whether rows were brought in and not looked through yet."""
    return connection.scalar(select(CHANNEL.c.held_code).where(CHANNEL.c.name == EMAIL)) == UNFINISHED


def look_through(session: Session, taken_at: str, now: datetime) -> Doubts:
    """Put what was due into doubt, sign everybody out, and say why sending is held."""
    held = sum(_doubt(session, clinic, now) for clinic in clinics.every(session))
    open_sessions = session.scalars(select(UserSession).where(UserSession.ended_at.is_(None))).all()
    for one in open_sessions:
        one.ended_at = now
    channels.release(session, now)
    channels.hold(session, HoldReason.RESTORED, now, taken_at)
    for clinic in clinics.every(session):
        actor = Actor(clinic=clinic, user=None, role=None, name="command")
        audit.record(session, actor, "database.restored", clinic, now, reason=f"backup of {taken_at}")
    session.flush()
    return Doubts(held, len(open_sessions))


def _doubt(session: Session, clinic: Clinic, now: datetime) -> int:
    due = (
        select(Reminder, Appointment)
        .join(Appointment, Appointment.id == Reminder.appointment_id)
        .where(
            Reminder.clinic_id == clinic.id,
            Reminder.state == ReminderState.PENDING,
            Reminder.due_at <= now,
            Reminder.expires_at > now,
        )
        .order_by(Reminder.id)
    )
    for reminder, appointment in session.execute(due).all():
        message = outbox.enqueue(
            session,
            clinic,
            kind_of(reminder.rule),
            now,
            patient=session.get_one(Patient, appointment.patient_id),
            recipient=reminder.recipient,
            about=[appointment],
            due_at=reminder.due_at,
            expires_at=reminder.expires_at,
        )
        reminder.state, reminder.message_id = ReminderState.QUEUED, message.id
    waiting = select(Message).where(
        Message.clinic_id == clinic.id,
        Message.state.in_((MessageState.PENDING, MessageState.LEASED)),
        Message.due_at <= now,
    )
    messages = session.scalars(waiting.order_by(Message.id)).all()
    for message in messages:
        ended(session, message, MessageState.UNCERTAIN, MessageReason.RESTORED, now)
    return len(messages)
