"""What came in by mail, one row for each mail, and how far a mailbox has been read.

A row that a person must read keeps who sent it, what it says and, if known, the patient and the visit, until it is
done. Of the others only the kind is kept. `message_key` is a digest of the Message-ID and the content below the
headers: a mail that is handed in twice is handled once, and a Message-ID that is used twice hides nothing.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text, UniqueConstraint, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from scheduler.database import Model, UTCDateTime
from scheduler.models.appointment import Appointment
from scheduler.models.columns import InClinic, Public, choice, own, refers
from scheduler.models.patient import Patient


class MailKind(StrEnum):
    """What an incoming mail is."""

    BOUNCE = "bounce"
    COMPLAINT = "complaint"
    ANSWER = "answer"  # of a calendar program
    AUTOMATIC = "automatic"
    MESSAGE = "message"


class IncomingMail(InClinic, Public, Model):
    """`reason` says why a person must read it; `wanted_at` is the start that a calendar program proposes.

    `doubtful` is set where the sender's domain disowns the mail (DMARC): what it asks for is shown and not done.
    """

    __tablename__ = "incoming_mail"
    __table_args__ = own(
        refers("patient_id", "patient"),
        refers("appointment_id", "appointment"),
        UniqueConstraint("clinic_id", "message_key"),
        Index("ix_incoming_mail_key", "message_key"),
        Index(  # the desk's list
            "ix_incoming_mail_open",
            "clinic_id",
            "received_at",
            sqlite_where=text("done_at IS NULL"),
            postgresql_where=text("done_at IS NULL"),
        ),
        Index("ix_incoming_mail_patient", "patient_id"),
    )

    kind: Mapped[MailKind] = mapped_column(choice(MailKind, "kind"))
    message_key: Mapped[str] = mapped_column(String(64))
    patient_id: Mapped[int | None]
    appointment_id: Mapped[int | None]
    sender: Mapped[str] = mapped_column(String(254), default="")
    subject: Mapped[str] = mapped_column(String(200), default="")
    body: Mapped[str] = mapped_column(Text, default="")
    reason: Mapped[str] = mapped_column(String(200), default="")
    doubtful: Mapped[bool] = mapped_column(default=False)
    wanted_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    received_at: Mapped[datetime] = mapped_column(UTCDateTime)
    done_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    done_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))

    patient: Mapped[Patient | None] = relationship(
        Patient, primaryjoin="foreign(IncomingMail.patient_id) == Patient.id"
    )
    appointment: Mapped[Appointment | None] = relationship(
        Appointment, primaryjoin="foreign(IncomingMail.appointment_id) == Appointment.id"
    )


class InboxPosition(Model):
    """The last mail of a mailbox that was read: its UID, which counts within a UIDVALIDITY (RFC 3501)."""

    __tablename__ = "inbox_position"

    mailbox: Mapped[str] = mapped_column(String(300), primary_key=True)
    uid_validity: Mapped[int] = mapped_column(BigInteger)
    uid: Mapped[int] = mapped_column(BigInteger)


def is_known(session: Session, message_key: str) -> bool:
    """Tell whether this mail has been handled before."""
    return session.scalar(select(IncomingMail.id).where(IncomingMail.message_key == message_key)) is not None


def open_in(session: Session, clinic_id: int) -> list[IncomingMail]:
    """Return the mail that a person of the clinic must read, the earliest first."""
    query = select(IncomingMail).where(IncomingMail.clinic_id == clinic_id, IncomingMail.done_at.is_(None))
    return list(session.scalars(query.order_by(IncomingMail.received_at, IncomingMail.id)))


def by_public_id(session: Session, clinic_id: int, public_id: str) -> IncomingMail | None:
    query = select(IncomingMail).where(
        IncomingMail.clinic_id == clinic_id, IncomingMail.public_id == public_id
    )
    return session.scalar(query.with_for_update())
