"""A due row: what must be told, about which visit in which version, by which rule, to whom.

It is written in the transaction that books or moves the visit. When it falls due it joins a Message (reminders of one
patient that are due close together share one), and from then on it ends as its message ends.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import (
    ForeignKey,
    Index,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from scheduler.database import Model, UTCDateTime
from scheduler.models.columns import InClinic, Public, choice, own, refers
from scheduler.models.reasoned import Reasoned

UNSETTLED = "settled_at IS NULL AND state IN ('failed', 'skipped')"
# as in message.py
IS_UNSETTLED = text("reminder.settled_at IS NULL AND reminder.state IN ('failed', 'skipped')")


class ReminderState(StrEnum):
    PENDING = "pending"
    QUEUED = "queued"
    SENT = "sent"
    SKIPPED = "skipped"
    FAILED = "failed"
    UNCERTAIN = "uncertain"
    VOID = "void"


class Reminder(InClinic, Public, Reasoned, Model):
    __tablename__ = "reminder"
    __table_args__ = own(
        refers("appointment_id", "appointment"),
        refers("message_id", "message"),
        UniqueConstraint("appointment_id", "schedule_version", "rule", "recipient"),
        Index(  # the tick's question: what is due
            "ix_reminder_due",
            "due_at",
            sqlite_where=text("state = 'pending'"),
            postgresql_where=text("state = 'pending'"),
        ),
        Index("ix_reminder_log", "clinic_id", "due_at"),  # the send log
        Index(  # the desk's question: what was not sent and waits for a person
            "ix_reminder_unsettled",
            "clinic_id",
            "state",
            "reason_code",
            sqlite_where=text(UNSETTLED),
            postgresql_where=text(UNSETTLED),
        ),
    )

    appointment_id: Mapped[int] = mapped_column(index=True)
    schedule_version: Mapped[int]
    rule: Mapped[str] = mapped_column(String(40))
    recipient: Mapped[str] = mapped_column(String(20), default="patient")
    due_at: Mapped[datetime] = mapped_column(UTCDateTime)
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime)
    state: Mapped[ReminderState] = mapped_column(choice(ReminderState, "state"))
    message_id: Mapped[int | None] = mapped_column(index=True)
    settled_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    settled_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
