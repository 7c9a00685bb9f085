"""What is asked about requirements follows the requirements: once nothing is missing any more, no one is asked.

Runs in the transaction that closes or reopens a requirement. A mail that has been claimed but has not passed its own
requirement loses its claim, so it cannot leave; what else it asked for waits for the next tick.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from scheduler.domain.message_reasons import MessageReason
from scheduler.domain.reminders import Topic, topic_of
from scheduler.models.appointment import Appointment
from scheduler.models.message import Message, MessageKind, MessageState, MessageSubject
from scheduler.models.open_requirements import topics_missing
from scheduler.models.reminder import Reminder, ReminderState
from scheduler.services.mail.message_ends import fell_through

TOPICS = {MessageKind.REQUIREMENT_MISSING: Topic.REQUIREMENTS, MessageKind.DRIVER: Topic.DRIVER}


def requirements_changed(session: Session, appointments: Sequence[Appointment], now: datetime) -> None:
    """Stop asking about what is settled, and ask again about what is open again and not yet due."""
    session.flush()
    by_id = {appointment.id: appointment for appointment in appointments}
    still_open = {appointment.id: topics_missing(appointment) for appointment in appointments}
    for message in _unsent(session, by_id):
        topic, about = TOPICS[message.kind], [subject.appointment_id for subject in message.subjects]
        if not all(topic in still_open[one] for one in about if one in by_id):
            fell_through(session, message, now)
    for row in _rows(session, by_id):
        missing = topic_of(row.rule) in still_open[row.appointment_id]
        if row.state is ReminderState.PENDING and not missing:
            row.state = ReminderState.VOID
            row.explain(MessageReason.NOTHING_MISSING)
        elif _was_complete(row) and missing and row.due_at > now:
            row.state, row.message_id = ReminderState.PENDING, None
            row.explain(MessageReason.NONE)
    session.flush()


def _was_complete(row: Reminder) -> bool:
    return row.state is ReminderState.VOID and row.reason_code == MessageReason.NOTHING_MISSING


def _unsent(session: Session, by_id: dict[int, Appointment]) -> Sequence[Message]:
    about = select(MessageSubject.message_id).where(MessageSubject.appointment_id.in_(by_id))
    query = (
        select(Message)
        .where(
            Message.id.in_(about),
            Message.kind.in_(TOPICS),
            Message.state.in_((MessageState.PENDING, MessageState.LEASED)),
            Message.data_at.is_(None),
        )
        .order_by(Message.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return session.scalars(query).all()


def _rows(session: Session, by_id: dict[int, Appointment]) -> list[Reminder]:
    query = select(Reminder).where(
        Reminder.appointment_id.in_(by_id), Reminder.state.in_((ReminderState.PENDING, ReminderState.VOID))
    )
    return [
        row
        for row in session.scalars(query.order_by(Reminder.id))
        if topic_of(row.rule) in TOPICS.values()
        and row.schedule_version == by_id[row.appointment_id].schedule_version
    ]
