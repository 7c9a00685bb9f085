"""Reservations: a draft course that keeps its time until it is decided on or runs out.

They are released by whoever books next (an index predicate cannot look at the clock) and by a tick, so their time is
free when it is needed and the books are tidy when it is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, TextClause, select, text
from sqlalchemy.orm import Session

from scheduler.domain.status import AppointmentStatus, CarePlanStatus
from scheduler.models.appointment import appointments_of
from scheduler.models.care_plan import CarePlan
from scheduler.models.clinic import Clinic
from scheduler.models.versions import raise_versions
from scheduler.services.actors import Actor
from scheduler.services.trail import audit
from scheduler.services.visit import occupation
from scheduler.services.visit.events import feed_resources, record_event


def release_expired(session: Session, clinic: Clinic, now: datetime) -> int:
    """Let go of the clinic's reservations whose time is over; return how many there were.

    Each course is locked first: a second clock, or a desk that books, waits for the first and then finds it done.
    """
    query = (
        select(CarePlan)
        .where(CarePlan.clinic_id == clinic.id, *_over(now))
        .order_by(CarePlan.id)
        .with_for_update()
    )
    expired = list(session.scalars(query))
    actor = Actor(clinic=clinic, user=None, role=None, name="clock")
    for care_plan in expired:
        _end(session, actor, care_plan, now)
    return len(expired)


def due_clinics(session: Session, now: datetime) -> Sequence[int]:
    """Return the ids of the clinics with a reservation whose time is over."""
    return sorted(set(session.scalars(select(CarePlan.clinic_id).where(*_over(now)))))


def _over(now: datetime) -> tuple[TextClause, ColumnElement[bool]]:
    return text("care_plan.status = 'draft'"), CarePlan.expires_at <= now  # the index's own words


def _end(session: Session, actor: Actor, care_plan: CarePlan, now: datetime) -> None:
    held = [a for a in appointments_of(care_plan) if a.status is AppointmentStatus.PROPOSED]
    occupation.release(session, held, now)
    for appointment in held:
        change = {"status": (appointment.status, AppointmentStatus.CANCELLED)}
        record_event(session, actor, appointment, "expire", now, changes=change)
        appointment.status, appointment.cancelled_at = AppointmentStatus.CANCELLED, now
        appointment.status_reason = "the reservation ran out"
    care_plan.status, care_plan.status_at = CarePlanStatus.REVOKED, now
    care_plan.status_reason = "the reservation ran out"
    audit.record(session, actor, "care-plan.expired", care_plan, now)
    raise_versions(session, actor.clinic.id, feed_resources(held), now)
