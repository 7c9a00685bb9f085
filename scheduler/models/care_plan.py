"""One patient's course: which version of which protocol, what was wished for, and where it stands.

The series is the set of its appointments; there is no extra table. `wishes` keeps the request the course was planned
with (weekdays, hours, people), so that a later re-plan keeps to it. A draft with `expires_at` is a reservation.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import ForeignKey, Index, Select, Text, select, text
from sqlalchemy.orm import Mapped, Session, joinedload, mapped_column, relationship

from scheduler.database import Model, UTCDateTime
from scheduler.domain.status import CarePlanStatus
from scheduler.models.columns import Document, InClinic, Public, choice, own, refers
from scheduler.models.patient import Patient
from scheduler.models.plan_definition import PlanDefinition

if TYPE_CHECKING:
    from scheduler.models.requirement import Requirement


class CarePlan(InClinic, Public, Model):
    __tablename__ = "care_plan"
    __table_args__ = own(
        refers("patient_id", "patient"),
        refers("plan_definition_id", "plan_definition"),
        Index("ix_care_plan_ended", "clinic_id", "status_at"),  # the courses that ended in a period
        Index(  # the expiry's question: which reservations are over
            "ix_care_plan_held",
            "expires_at",
            sqlite_where=text("status = 'draft'"),
            postgresql_where=text("status = 'draft'"),
        ),
    )

    patient_id: Mapped[int] = mapped_column(index=True)
    plan_definition_id: Mapped[int]
    status: Mapped[CarePlanStatus] = mapped_column(choice(CarePlanStatus, "status"))
    wishes: Mapped[dict[str, Any]] = mapped_column(Document, default=dict)
    override_reason: Mapped[str] = mapped_column(Text, default="")
    status_reason: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    status_at: Mapped[datetime] = mapped_column(UTCDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    row_version: Mapped[int] = mapped_column(default=1)

    patient: Mapped[Patient] = relationship(Patient, primaryjoin="foreign(CarePlan.patient_id) == Patient.id")
    plan_definition: Mapped[PlanDefinition] = relationship(
        PlanDefinition, primaryjoin="foreign(CarePlan.plan_definition_id) == PlanDefinition.id"
    )
    # models/appointment.py imports this module, so the type is not known here; read it with `appointments_of`
    appointments: Mapped[list[Any]] = relationship(
        "Appointment",
        primaryjoin="CarePlan.id == foreign(Appointment.care_plan_id)",
        order_by="Appointment.start_at, Appointment.id",
        back_populates="care_plan",
    )
    requirements: Mapped[list[Requirement]] = relationship(
        "Requirement",
        primaryjoin="CarePlan.id == foreign(Requirement.care_plan_id)",
        order_by="Requirement.id",
    )


def by_public_id(session: Session, clinic_id: int, public_id: str) -> CarePlan | None:
    query = select(CarePlan).where(CarePlan.clinic_id == clinic_id, CarePlan.public_id == public_id)
    return session.scalar(query)


def listed(clinic_id: int, patient: Patient | None, statuses: Collection[CarePlanStatus]) -> Select[CarePlan]:
    """Select a clinic's courses; no statuses mean all."""
    query = select(CarePlan).where(CarePlan.clinic_id == clinic_id)
    if patient is not None:
        query = query.where(CarePlan.patient_id == patient.id)
    if statuses:
        query = query.where(CarePlan.status.in_(statuses))
    return query.options(joinedload(CarePlan.patient), joinedload(CarePlan.plan_definition))


def of_patient(session: Session, patient: Patient) -> list[CarePlan]:
    """Return a patient's courses, newest first."""
    query = select(CarePlan).where(CarePlan.clinic_id == patient.clinic_id, CarePlan.patient_id == patient.id)
    return list(session.scalars(query.order_by(CarePlan.created_at.desc(), CarePlan.id.desc())))


def standing(session: Session, patient: Patient) -> list[CarePlan]:
    """Return the patient's courses that are kept, go on or are on hold, newest first."""
    over = (CarePlanStatus.REVOKED, CarePlanStatus.COMPLETED, CarePlanStatus.ENTERED_IN_ERROR)
    return [course for course in of_patient(session, patient) if course.status not in over]


def last_booked_plan(session: Session, clinic_id: int) -> str:
    """Return the key of the protocol that was booked last, or nothing."""
    query = select(PlanDefinition.key).join(CarePlan, CarePlan.plan_definition_id == PlanDefinition.id)
    query = query.where(CarePlan.clinic_id == clinic_id).order_by(
        CarePlan.created_at.desc(), CarePlan.id.desc()
    )
    return session.scalar(query.limit(1)) or ""
