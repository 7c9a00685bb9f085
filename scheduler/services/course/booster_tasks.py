"""Visits months ahead that want to be booked now: the desk's list, the most pressing first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from scheduler.domain.status import AppointmentStatus, CarePlanStatus
from scheduler.models.appointment import Appointment
from scheduler.models.care_plan import CarePlan
from scheduler.models.clinic import Clinic


def to_book(session: Session, clinic: Clinic, now: datetime) -> Sequence[Appointment]:
    """Return the proposed visits of running courses whose best day is near or past, by the day to book them for."""
    query = (
        select(Appointment)
        .join(CarePlan, CarePlan.id == Appointment.care_plan_id)
        .where(
            Appointment.clinic_id == clinic.id,
            Appointment.status == AppointmentStatus.PROPOSED,
            Appointment.expires_at.is_(None),
            Appointment.start_at <= now + timedelta(days=clinic.settings.booster_days),
            CarePlan.status == CarePlanStatus.ACTIVE,
        )
        .options(joinedload(Appointment.patient))
        .order_by(Appointment.book_by_on, Appointment.start_at, Appointment.id)
    )
    return session.scalars(query).all()
