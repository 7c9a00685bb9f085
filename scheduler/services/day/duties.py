"""What a protocol with duties after its visits (esketamine under REMS) asks of the staff, and until when.

Before the first dose everything that holds once for the course must be complete, such as the enrollment. A visit ends
only when the patient was observed for as long as the protocol says. A form follows each visit within some days.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from scheduler.domain.localtime import day_bounds, local_on
from scheduler.domain.plans import Holds
from scheduler.domain.status import ATTENDED, AppointmentStatus, CarePlanStatus, Stage
from scheduler.models.appointment import Appointment, appointments_of
from scheduler.models.care_plan import CarePlan
from scheduler.models.clinic import Clinic
from scheduler.models.open_requirements import open_requirements
from scheduler.models.plan_definition import PlanDefinition

OBSERVATION = "observation"  # the phase after which the patient may leave


@dataclass(frozen=True)
class Duty:
    """What must be done about a visit, and until when. `waits` marks one that is over only at that time."""

    visit: Appointment
    title: str
    due_at: datetime
    waits: bool = False

    @property
    def due_on(self) -> date:
        """The last clinic-local day on which it is in time."""
        return local_on(self.due_at - timedelta(microseconds=1), self.visit.zone)


def of_clinic(session: Session, clinic: Clinic, now: datetime) -> list[Duty]:
    """Return the open duties of courses whose protocol has duties after visits, what is due first in front."""
    plans = select(PlanDefinition).where(PlanDefinition.clinic_id == clinic.id)
    with_duties = [
        one.id for one in session.scalars(plans) if any(rule.after_visit for rule in one.plan.requirements)
    ]
    query = select(CarePlan).where(
        CarePlan.clinic_id == clinic.id,
        CarePlan.status == CarePlanStatus.ACTIVE,
        CarePlan.plan_definition_id.in_(with_duties),
    )
    query = query.options(
        selectinload(CarePlan.appointments).joinedload(Appointment.patient),
        selectinload(CarePlan.requirements),
    )
    found = [
        duty for course in session.scalars(query.order_by(CarePlan.id)) for duty in _of_course(course, now)
    ]
    return sorted(found, key=lambda duty: (duty.due_at, duty.visit.id, duty.title))


def _of_course(course: CarePlan, now: datetime) -> Iterator[Duty]:
    visits = appointments_of(course)
    dosing = [one for one in visits if one.dosing is not None and one.status.is_live]
    if dosing and not any(one.status in ATTENDED for one in dosing):
        first = min(dosing, key=lambda one: one.start_at)
        once = {rule.key for rule in course.plan_definition.plan.requirements if rule.holds is Holds.ONCE}
        for still_open in open_requirements(first):
            if still_open.key in once:
                yield Duty(first, still_open.title, first.start_at)
    for visit in visits:
        if visit.status is AppointmentStatus.CHECKED_IN and (until := _observed_until(visit)):
            yield Duty(visit, "Observe until release", until, waits=True)
    by_id = {visit.id: visit for visit in visits}
    for row in course.requirements:
        rule = course.plan_definition.plan.requirement(row.key)
        own = by_id.get(row.appointment_id or 0)
        if own is None or not rule.after_visit or row.completed_at is not None:
            continue
        if own.status in ATTENDED and own.end_at <= now:
            last = local_on(own.start_at, own.zone) + timedelta(days=rule.valid_days or 0)
            yield Duty(own, rule.title, day_bounds(last, own.zone)[1])


def _observed_until(visit: Appointment) -> datetime | None:
    """Return when the observation is over: counted from its start where that was recorded, else by plan."""
    minutes = sum(phase["minutes"] for phase in visit.phases if phase["name"] == OBSERVATION)
    if not minutes:
        return None
    began = [event.at for event in visit.events if event.changes.get("stage", [""])[-1] == Stage.OBSERVING]
    return began[-1] + timedelta(minutes=minutes) if began else visit.end_at
