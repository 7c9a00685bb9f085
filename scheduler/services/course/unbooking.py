"""Undoing the booking of a course: as if it had not been made, where no one was notified.

Within minutes of booking, while nothing has happened to any of its visits, the course and its visits become entered in
error: their time is free, mail that has not left is void, and they count nowhere as canceled. Who was notified already
gets a cancellation.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from scheduler.domain.status import AppointmentStatus, CarePlanStatus
from scheduler.errors import WrongStatus
from scheduler.models.appointment import appointments_of
from scheduler.models.appointment_event import AppointmentEvent
from scheduler.models.care_plan import CarePlan
from scheduler.services.actors import Actor
from scheduler.services.trail import audit
from scheduler.services.visit.changes import changing

GOOD_FOR = timedelta(minutes=10)
WHY = "booked by mistake"
MADE = ("book", "import", "propose", "record", "reserve")  # the kinds of events that booking a course writes


def unbook(session: Session, actor: Actor, care_plan: CarePlan, now: datetime) -> CarePlan:
    """Take a course's booking, or its reservation, back. Raises WrongStatus once it is too late for that."""
    _require(session, care_plan, now)
    rows = list(appointments_of(care_plan))
    with changing(session, actor, now, rows) as change:
        for row in rows:
            change.note(row, "unbook", WHY, audit=None)
            row.status, row.status_reason = AppointmentStatus.ENTERED_IN_ERROR, WHY
            row.cancelled_at, row.expires_at = now, None
    care_plan.status, care_plan.status_at = CarePlanStatus.ENTERED_IN_ERROR, now
    care_plan.status_reason, care_plan.expires_at = WHY, None
    care_plan.row_version += 1
    audit.record(session, actor, "care-plan.unbooked", care_plan, now, ["status"], WHY)
    return care_plan


def _require(session: Session, care_plan: CarePlan, now: datetime) -> None:
    if care_plan.status not in (CarePlanStatus.ACTIVE, CarePlanStatus.DRAFT):
        raise WrongStatus(f"The course is {care_plan.status.words}: its booking cannot be undone")
    if now > care_plan.created_at + GOOD_FOR:
        raise WrongStatus("It is too late to undo the booking: end the course instead")
    others = select(func.count()).where(
        AppointmentEvent.appointment_id.in_([row.id for row in appointments_of(care_plan)]),
        AppointmentEvent.kind.not_in(MADE),
    )
    if session.scalar(others):
        raise WrongStatus("Its visits have changed since: end the course instead")
