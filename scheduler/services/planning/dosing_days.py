"""The days on which a course gives no drug because of what the patient has booked in another one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import date, timedelta

from sqlalchemy import Select, and_, or_, select
from sqlalchemy.orm import Session

from scheduler.domain.plans import Plan
from scheduler.domain.status import LIVE, AppointmentStatus
from scheduler.models.appointment import Appointment
from scheduler.models.care_plan import CarePlan
from scheduler.models.patient import Patient

DAY = timedelta(days=1)


def dosing_rows(session: Session, patient: Patient) -> list[Appointment]:
    """Return the visits of a patient that give a drug and take place, reservations included."""
    return list(session.scalars(_dosing().where(Appointment.patient_id == patient.id)))


def dosing_rows_of(session: Session, patient_ids: Collection[int]) -> dict[int, list[Appointment]]:
    """Return the same for several patients, by their ids."""
    found: dict[int, list[Appointment]] = {}
    for row in session.scalars(_dosing().where(Appointment.patient_id.in_(patient_ids))):
        found.setdefault(row.patient_id, []).append(row)
    return found


def _dosing() -> Select[Appointment]:
    reserved = and_(Appointment.status == AppointmentStatus.PROPOSED, Appointment.expires_at.is_not(None))
    return select(Appointment).where(
        Appointment.dosing_gap_days.is_not(None), or_(Appointment.status.in_(LIVE), reserved)
    )


def kept_free(
    session: Session, patient: Patient, plan: Plan, care_plan: CarePlan | None
) -> Mapping[str, frozenset[date]]:
    """Return for each dosing action the days that are too close to the patient's dosing visits outside this course."""
    return apart_from(dosing_rows(session, patient), plan, care_plan)


def apart_from(
    rows: Iterable[Appointment], plan: Plan, care_plan: CarePlan | None
) -> Mapping[str, frozenset[date]]:
    """Return the same for the patient's dosing visits `rows`."""
    booked = [
        (row.local_start.date(), row.dosing.days)
        for row in rows
        if row.dosing is not None and (care_plan is None or row.care_plan_id != care_plan.id)
    ]
    found = {}
    for action in plan.firm:
        if action.dosing is None or not booked:
            continue
        gap = action.dosing.days
        found[action.key] = frozenset(
            on + number * DAY for on, its in booked for number in range(1 - max(gap, its), max(gap, its))
        )
    return found
