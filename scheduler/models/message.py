"""A mail in the outbox: to whom, about which visits in which version, and how far it got.

Written in the transaction of what it tells. `MessageSubject` rows bind it to (appointment, schedule_version); it passes
its sending check only while every subject is unchanged. The columns from `lease_token` on are the delivery protocol's:
claim -> sending check (`data_at`) -> DATA -> record. `rfc_message_id` and `dated_at` (the Date header) are fixed at the
first try, so a resend repeats them.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    ForeignKey,
    Index,
    LargeBinary,
    Select,
    String,
    Text,
    UniqueConstraint,
    select,
    text,
)
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from scheduler.database import Model, UTCDateTime
from scheduler.domain.message_kinds import MessageKind as MessageKind  # noqa: PLC0414  (many import it with Message)
from scheduler.models.appointment import Appointment
from scheduler.models.channel import EMAIL
from scheduler.models.columns import Document, InClinic, Public, choice, own, refers
from scheduler.models.patient import Patient
from scheduler.models.reasoned import Reasoned

UNSETTLED = "settled_at IS NULL AND state IN ('failed', 'uncertain', 'skipped')"
# in the index's own words, without parameters: SQLite takes a partial index only then
IS_UNSETTLED = text("message.settled_at IS NULL AND message.state IN ('failed', 'uncertain', 'skipped')")


class MessageState(StrEnum):
    PENDING = "pending"
    LEASED = "leased"
    SENT = "sent"
    SKIPPED = "skipped"
    FAILED = "failed"
    UNCERTAIN = "uncertain"
    VOID = "void"


class MessageSubject(InClinic, Model):
    """`method` and `sequence` are those of the calendar object about this visit that the message carried, if any."""

    __tablename__ = "message_subject"
    __table_args__ = (
        refers("message_id", "message"),
        refers("appointment_id", "appointment"),
        UniqueConstraint("message_id", "appointment_id"),
        Index("ix_message_subject_appointment", "appointment_id"),  # what was sent about this visit
    )

    message_id: Mapped[int]
    appointment_id: Mapped[int]
    schedule_version: Mapped[int]
    method: Mapped[str | None] = mapped_column(String(10))
    sequence: Mapped[int | None]


class Message(InClinic, Public, Reasoned, Model):
    """`recipient` is patient, proxy or user; the address is read from them when it is sent, and kept in `address`.

    A mail about a change of address goes to `values["to"]` instead, and its recipient is new or former.
    `settled_at` is when the desk dealt with one that did not arrive (the patient was called). `opened_on` is the last
    clinic-local day on which the private link of the message was opened.
    """

    __tablename__ = "message"
    __table_args__ = own(
        refers("patient_id", "patient"),
        Index(  # the tick's question: what is due, the nearest visit first
            "ix_message_due",
            "urgent_at",
            "due_at",
            sqlite_where=text("state = 'pending'"),
            postgresql_where=text("state = 'pending'"),
        ),
        Index(  # the recovery's question: whose lease is over
            "ix_message_leased",
            "leased_until",
            sqlite_where=text("state = 'leased'"),
            postgresql_where=text("state = 'leased'"),
        ),
        Index("ix_message_log", "clinic_id", "due_at"),  # the send log
        Index(  # the desk's question: what did not arrive and waits for a person
            "ix_message_unsettled",
            "clinic_id",
            "state",
            "reason_code",
            sqlite_where=text(UNSETTLED),
            postgresql_where=text(UNSETTLED),
        ),
        Index(  # what a member of staff has been sent
            "ix_message_user",
            "user_id",
            "created_at",
            sqlite_where=text("user_id IS NOT NULL"),
            postgresql_where=text("user_id IS NOT NULL"),
        ),
    )

    kind: Mapped[MessageKind] = mapped_column(choice(MessageKind, "kind"))
    patient_id: Mapped[int | None] = mapped_column(index=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    recipient: Mapped[str] = mapped_column(String(20), default="patient")
    channel: Mapped[str] = mapped_column(String(20), default=EMAIL)
    address: Mapped[str | None] = mapped_column(String(254))
    subject_line: Mapped[str] = mapped_column(String(200), default="")
    values: Mapped[dict[str, Any]] = mapped_column(Document, default=dict)
    state: Mapped[MessageState] = mapped_column(choice(MessageState, "state"))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    due_at: Mapped[datetime] = mapped_column(UTCDateTime)
    urgent_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    lease_token: Mapped[str | None] = mapped_column(String(36))
    leased_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    attempts: Mapped[int] = mapped_column(default=0)
    stops: Mapped[int] = mapped_column(default=0)  # how often a sender stopped while it held this one
    data_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    dated_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    rfc_message_id: Mapped[str | None] = mapped_column(String(200), unique=True)
    content: Mapped[bytes | None] = mapped_column(LargeBinary)
    resends: Mapped[int] = mapped_column(default=0)
    smtp_reply: Mapped[str] = mapped_column(Text, default="")
    ended_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    opened_on: Mapped[date | None]
    settled_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    settled_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))

    subjects: Mapped[list[MessageSubject]] = relationship(
        MessageSubject,
        primaryjoin="Message.id == foreign(MessageSubject.message_id)",
        cascade="all, delete-orphan",
        order_by=MessageSubject.id,
    )


def by_public_id(session: Session, clinic_id: int, public_id: str) -> Message | None:
    return session.scalar(
        select(Message).where(Message.clinic_id == clinic_id, Message.public_id == public_id)
    )


def listed(
    clinic_id: int,
    patient: Patient | None,
    states: Collection[MessageState],
    start: datetime | None,
    end: datetime | None,
) -> Select[Message]:
    """Select a clinic's mails that are due in [start, end); no states mean all."""
    query = select(Message).where(Message.clinic_id == clinic_id)
    if patient is not None:
        query = query.where(Message.patient_id == patient.id)
    if states:
        query = query.where(Message.state.in_(states))
    if start is not None:
        query = query.where(Message.due_at >= start)
    if end is not None:
        query = query.where(Message.due_at < end)
    return query


def appointment_ids(session: Session, message: Message) -> list[str]:
    """Return the public ids of the visits that a mail is about, in order."""
    query = (
        select(Appointment.public_id)
        .join(MessageSubject, MessageSubject.appointment_id == Appointment.id)
        .where(MessageSubject.message_id == message.id)
        .order_by(MessageSubject.id)
    )
    return list(session.scalars(query))
