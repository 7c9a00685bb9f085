"""Is the machinery well: does the clock tick, is mail late, are the books in order."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from scheduler.models.message import Message, MessageState
from scheduler.models.reminder import Reminder, ReminderState
from scheduler.models.tick import Tick


def clock_age(session: Session, wall: datetime) -> float | None:
    """Return the seconds since the clock's last sign of life by the machine's time; None if it never gave one."""
    last = session.scalar(select(func.max(Tick.wall_at)))
    return (wall - last).total_seconds() if last else None


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
