"""A new email address that was given on a private page: it counts once a link mailed to it is confirmed.

`message_id` is the mail with that link. `settled_at` is when the desk has seen the change, or when one that was not
confirmed was refused or replaced by a later one.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from scheduler.database import Model, UTCDateTime
from scheduler.models.columns import InClinic, Public, own, refers
from scheduler.models.patient import Patient


class AddressChange(InClinic, Public, Model):
    __tablename__ = "address_change"
    __table_args__ = own(
        refers("patient_id", "patient"), refers("message_id", "message"), UniqueConstraint("message_id")
    )

    patient_id: Mapped[int] = mapped_column(index=True)
    message_id: Mapped[int]
    former: Mapped[str | None] = mapped_column(String(254))
    wanted: Mapped[str] = mapped_column(String(254))
    link_epoch: Mapped[int]
    asked_at: Mapped[datetime] = mapped_column(UTCDateTime)
    confirmed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    settled_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    settled_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))

    patient: Mapped[Patient] = relationship(
        Patient, primaryjoin="foreign(AddressChange.patient_id) == Patient.id"
    )


def of_message(session: Session, message_id: int) -> AddressChange | None:
    return session.scalar(select(AddressChange).where(AddressChange.message_id == message_id))


def of_patient(session: Session, patient: Patient) -> list[AddressChange]:
    """Return a patient's changes of address, the latest first."""
    query = select(AddressChange).where(AddressChange.patient_id == patient.id)
    return list(session.scalars(query.order_by(AddressChange.id.desc())))


def unsettled_in(session: Session, clinic_id: int) -> list[AddressChange]:
    """Return the changes of address of a clinic that the desk has not settled, the earliest first."""
    query = select(AddressChange).where(
        AddressChange.clinic_id == clinic_id, AddressChange.settled_at.is_(None)
    )
    return list(session.scalars(query.order_by(AddressChange.id)))


def by_public_id(session: Session, clinic_id: int, public_id: str) -> AddressChange | None:
    query = select(AddressChange).where(
        AddressChange.clinic_id == clinic_id, AddressChange.public_id == public_id
    )
    return session.scalar(query)
