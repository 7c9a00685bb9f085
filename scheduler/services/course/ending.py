"""Ending all that a patient has ahead, as when they died or left: courses stop, single visits are canceled."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from scheduler.domain.status import CARE_PLAN_STEPS, EXPECTED
from scheduler.errors import Invalid
from scheduler.models import care_plan as care_plans
from scheduler.models.appointment import Appointment
from scheduler.models.patient import Patient
from scheduler.services.actors import Actor
from scheduler.services.course import careplans
from scheduler.services.visit import visits


def cancel_ahead(
    session: Session,
    actor: Actor,
    patient: Patient,
    now: datetime,
    reason: str,
    side: str = "clinic",
    *,
    notify: bool = True,
) -> list[Appointment]:
    """Stop every open course and cancel every visit that has not begun; return the visits that are canceled.

    A patient who died or left gets no mail. Without `notify` no patient does. Raises Invalid without a reason.
    """
    if not reason.strip():
        raise Invalid([("reason", "must say why the visits are canceled")])
    notify = notify and patient.may_be_notified
    canceled: list[Appointment] = []
    for course in care_plans.of_patient(session, patient):
        if course.status in CARE_PLAN_STEPS["revoke"]:
            canceled += careplans.ahead(course, now)
            careplans.revoke(session, actor, course, now, reason, side, notify=notify)
    query = select(Appointment).where(
        Appointment.clinic_id == patient.clinic_id,
        Appointment.patient_id == patient.id,
        Appointment.status.in_(EXPECTED),
        Appointment.start_at > now,
    )
    left = list(session.scalars(query.order_by(Appointment.start_at, Appointment.id)))
    visits.cancel(session, actor, left, now, reason, side, notify=notify)
    return [*canceled, *left]
