"""Who waits for an earlier time, and for what: a booked visit that could be sooner, a visit or a course not booked yet.

An entry ends when it is answered, taken off the list, or makes no sense any more (services/waitlist/entries.py). Its
wishes are beside those of the patient's course: both must hold.
"""

from __future__ import annotations

from datetime import date, datetime, time
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from scheduler.database import Model, UTCDateTime
from scheduler.models.appointment import Appointment
from scheduler.models.columns import Document, InClinic, Public, choice, own, refers
from scheduler.models.patient import Patient
from scheduler.models.plan_definition import PlanDefinition
from scheduler.models.user import User

WAITS = "ended_at IS NULL"


class Priority(StrEnum):
    """How urgent it is, as the clinic judges; within one, who has waited longest comes first."""

    NORMAL = "normal"
    SOON = "soon"
    URGENT = "urgent"

    @property
    def rank(self) -> int:
        """0 comes first."""
        return [Priority.URGENT, Priority.SOON, Priority.NORMAL].index(self)


class WaitlistOutcome(StrEnum):
    ACCEPTED = "accepted"  # an offer
    REMOVED = "removed"  # by the desk, or by the patient
    BOOKED = "booked"  # what was waited for has been booked or moved otherwise
    OVER = "over"  # the visit has begun, was canceled, or the last date that helps has passed
    GONE = "gone"  # the patient died, left the clinic or was erased


class WaitlistEntry(InClinic, Public, Model):
    """`appointment_id` is the visit that could be earlier. Without one the patient waits for a first booking: of the
    visit `action` of the protocol, or (without `action`) of a whole course of it.

    `until_on` is the last clinic-local day that helps. `weekdays` (ISO, empty: any), `earliest` and `latest` say when
    the patient can come, `notice_hours` how long before the patient must know. `side` is who asked: staff, patient or
    api.
    """

    __tablename__ = "waitlist_entry"
    __table_args__ = own(
        refers("patient_id", "patient"),
        refers("appointment_id", "appointment"),
        refers("plan_definition_id", "plan_definition"),
        Index("ix_waitlist_entry_waits", "clinic_id", sqlite_where=text(WAITS), postgresql_where=text(WAITS)),
        Index(  # a visit is waited for once
            "ix_waitlist_entry_visit",
            "appointment_id",
            unique=True,
            sqlite_where=text(WAITS),
            postgresql_where=text(WAITS),
        ),
        Index("ix_waitlist_entry_patient", "patient_id"),
    )

    patient_id: Mapped[int]
    appointment_id: Mapped[int | None]
    plan_definition_id: Mapped[int | None]
    action: Mapped[str] = mapped_column(String(60), default="")
    until_on: Mapped[date | None]
    weekdays: Mapped[list[int]] = mapped_column(Document, default=list)
    earliest: Mapped[time | None]
    latest: Mapped[time | None]
    notice_hours: Mapped[int] = mapped_column(default=0)
    priority: Mapped[Priority] = mapped_column(choice(Priority, "priority"), default=Priority.NORMAL)
    reason: Mapped[str] = mapped_column(String(300), default="")
    side: Mapped[str] = mapped_column(String(12), default="staff")
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    ended_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    outcome: Mapped[WaitlistOutcome | None] = mapped_column(choice(WaitlistOutcome, "outcome"))

    patient: Mapped[Patient] = relationship(
        Patient, primaryjoin="foreign(WaitlistEntry.patient_id) == Patient.id"
    )
    appointment: Mapped[Appointment | None] = relationship(
        Appointment, primaryjoin="foreign(WaitlistEntry.appointment_id) == Appointment.id"
    )
    plan_definition: Mapped[PlanDefinition | None] = relationship(
        PlanDefinition, primaryjoin="foreign(WaitlistEntry.plan_definition_id) == PlanDefinition.id"
    )
    created_by: Mapped[User | None] = relationship(User)


def by_public_id(session: Session, clinic_id: int, public_id: str) -> WaitlistEntry | None:
    query = select(WaitlistEntry).where(
        WaitlistEntry.clinic_id == clinic_id, WaitlistEntry.public_id == public_id
    )
    return session.scalar(query)


def waiting_for(session: Session, appointment: Appointment) -> WaitlistEntry | None:
    """Return the entry that asks for an earlier time for this visit, if the patient still waits."""
    query = select(WaitlistEntry).where(
        WaitlistEntry.appointment_id == appointment.id, WaitlistEntry.ended_at.is_(None)
    )
    return session.scalar(query)


def of_patient(session: Session, patient: Patient) -> list[WaitlistEntry]:
    """Return everything that a patient has waited for, in order."""
    query = select(WaitlistEntry).where(WaitlistEntry.patient_id == patient.id)
    return list(session.scalars(query.order_by(WaitlistEntry.id)))
