"""How much waits to be sent, and for how long."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from scheduler.models.message import Message, MessageState
from scheduler.models.reminder import Reminder, ReminderState


def waiting(session: Session, now: datetime) -> tuple[int, float]:
    """Return how many reminders and mails are due and still waiting, and the age in seconds of the oldest."""
    queries = (
        select(func.count(), func.min(Message.due_at)).where(
            Message.state == MessageState.PENDING, Message.due_at <= now
        ),
        select(func.count(), func.min(Reminder.due_at)).where(
            Reminder.state == ReminderState.PENDING, Reminder.due_at <= now
        ),
    )
    rows = [session.execute(query).one() for query in queries]
    oldest = min((due_at for _, due_at in rows if due_at is not None), default=now)
    return sum(count for count, _ in rows), (now - oldest).total_seconds()
