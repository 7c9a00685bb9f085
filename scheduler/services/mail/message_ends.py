"""How a message ends, and what its reminders and its visits need then.

The reminders that a message carries end as it ends. When a message falls through because one of its visits changed,
what still holds is not lost with it: untouched reminders wait for the next run, and a change is announced again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Literal

from sqlalchemy import Select, bindparam, select, update
from sqlalchemy.orm import Session

from scheduler.domain.message_kinds import ANNOUNCING, MessageKind
from scheduler.domain.message_reasons import MessageReason
from scheduler.domain.reminders import topic_of
from scheduler.models.appointment import Appointment
from scheduler.models.clinic import Clinic
from scheduler.models.message import Message, MessageState
from scheduler.models.reasoned import reason_columns
from scheduler.models.reminder import Reminder, ReminderState
from scheduler.services.mail.outbox import tell
from scheduler.services.mail.reminders import stands

Policy = Literal["resend", "hold"]
MOST_RESENDS = 1
MOST_ALERTS = 10  # a second copy of an alert to staff does no harm, a missing one may
ALERT_AGAIN = timedelta(seconds=20)
AT_ONCE = 500
WIPED = ("secret", "lines")  # what a mail to staff said; the send log does not show it


def ended(
    session: Session,
    message: Message,
    state: MessageState,
    reason: MessageReason,
    now: datetime,
    detail: str = "",
) -> None:
    """Close the message and its reminders. Its content goes, unless staff may still want it sent again."""
    message.state, message.ended_at = state, now
    message.explain(reason, detail)
    message.lease_token, message.leased_until = None, None
    if state is not MessageState.UNCERTAIN:
        wipe(message)
    if state in (MessageState.FAILED, MessageState.SKIPPED, MessageState.VOID):
        message.data_at = None  # nothing of it has reached anybody
    session.flush()
    end_reminders(session, message.id, state, reason, detail)


def wipe(message: Message) -> None:
    """Remove the text of a message that is not sent again, with the links in it."""
    message.content = None
    message.values = {name: value for name, value in message.values.items() if name not in WIPED}


def end_reminders(
    session: Session, message_id: int, state: MessageState, reason: MessageReason, detail: str = ""
) -> None:
    """Let the reminders that a message carries end as it ends."""
    session.execute(
        update(Reminder)
        .where(Reminder.message_id == message_id, Reminder.state == ReminderState.QUEUED)
        .values(state=ReminderState(state.value), **reason_columns(reason, detail))
    )


def unclear(session: Session, message: Message, now: datetime, policy: Policy) -> None:
    """Decide about a mail that may be out: once more with the same Message-ID, or hold it for staff.

    An alert to staff is sent again until a server accepts it, each time a little later, under either policy.
    """
    alert = message.kind is MessageKind.NOTICE
    most = MOST_ALERTS if alert else 0 if policy == "hold" else MOST_RESENDS
    if message.resends >= most:
        ended(session, message, MessageState.UNCERTAIN, MessageReason.UNCLEAR, now)
        return
    message.state = MessageState.PENDING
    message.explain(MessageReason.RESENT)
    message.lease_token, message.leased_until, message.data_at = None, None, None
    if alert:
        message.due_at = max(message.due_at, now + message.resends * ALERT_AGAIN)
    message.resends += 1
    session.flush()


def fell_through(session: Session, message: Message, now: datetime) -> None:
    """Close a message that may not go: its time is over, or a visit has changed. Keep what still holds."""
    over = message.expires_at is not None and message.expires_at <= now
    _free_reminders(session, message, now)
    if over:
        ended(session, message, MessageState.FAILED, MessageReason.SENT_TOO_LATE, now, message.reason)
    else:
        ended(session, message, MessageState.VOID, MessageReason.CHANGED_UNSENT, now)
    if message.kind in ANNOUNCING and not over:
        clinic = session.get_one(Clinic, message.clinic_id)
        tell(session, clinic, _appointments(session, message), now)


def expire(session: Session, now: datetime) -> bool:
    """Close pending messages whose time is over. Returns whether there may be more: call again until there are not."""
    session.flush()
    ids = session.connection().scalars(_over(), {"now": now}).all()
    if not ids:  # as a rule
        return False
    for message in session.scalars(select(Message).where(Message.id.in_(ids)).order_by(Message.id)).all():
        fell_through(session, message, now)
    return len(ids) == AT_ONCE


@cache  # built once: a clock asks every few seconds
def _over() -> Select[int]:
    return (
        select(Message.id)
        .where(Message.state == MessageState.PENDING, Message.expires_at <= bindparam("now"))
        .order_by(Message.urgent_at, Message.due_at, Message.id)  # as the index has them: those pending alone
        .limit(AT_ONCE)
        .with_for_update(skip_locked=True)
    )


def _free_reminders(session: Session, message: Message, now: datetime) -> None:
    """Let the reminders that still hold wait for the next tick without this message."""
    session.flush()
    query = (
        select(Reminder, Appointment)
        .join(Appointment, Reminder.appointment_id == Appointment.id)
        .where(Reminder.message_id == message.id, Reminder.state == ReminderState.QUEUED)
    )
    for reminder, appointment in session.execute(query):
        same = reminder.schedule_version == appointment.schedule_version
        holds = same and stands(appointment, topic_of(reminder.rule))
        if holds and reminder.expires_at > now:
            reminder.state, reminder.message_id = ReminderState.PENDING, None
    session.flush()


def _appointments(session: Session, message: Message) -> Sequence[Appointment]:
    ids = [subject.appointment_id for subject in message.subjects]
    return list(session.scalars(select(Appointment).where(Appointment.id.in_(ids)).order_by(Appointment.id)))
