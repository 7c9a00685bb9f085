"""What the protocol says of dosing visits of a course that were missed or are late: a proposal, with its source."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from scheduler.domain.plans import MissedDose
from scheduler.models.appointment import Appointment
from scheduler.models.care_plan import CarePlan
from scheduler.models.clinic import Clinic
from scheduler.services.course.course_pictures import gaps_of
from scheduler.services.planning.courses import is_projected, latest


@dataclass(frozen=True)
class MissedVisit:
    """A dosing visit that was missed or canceled (`late_by` 0), or that comes so late, and what is said of that.

    `late_by` is counted beyond the longest spacing, in `unit`.
    """

    visit: Appointment
    rule: MissedDose
    late_by: int = 0
    unit: str = ""


def of_course(session: Session, care_plan: CarePlan) -> list[MissedVisit]:
    """Return them in order of time. Visits that another one makes up for, and those that are over, are left out."""
    plan = care_plan.plan_definition.plan
    if not plan.missed_doses:
        return []
    gaps = gaps_of(session, session.get_one(Clinic, care_plan.clinic_id), care_plan)
    found = []
    for visit in sorted(latest(care_plan).values(), key=lambda one: (one.start_at, one.id)):
        action, gap = plan.action(visit.action), gaps.get(visit.action)
        rule = next((one for one in plan.missed_doses if one.is_about(action)), None)
        if rule is None or is_projected(visit):
            continue
        late_by = gap.amount - gap.offset.max if gap is not None else 0
        if visit.status.may_be_made_up:
            found.append(MissedVisit(visit, rule))
        elif gap is not None and visit.status.is_expected and late_by >= rule.late_by:
            found.append(MissedVisit(visit, rule, late_by, gap.offset.unit.value.replace("_", " ")))
    return found


def of_visit(session: Session, visit: Appointment) -> MissedVisit | None:
    """Return what the protocol says of this one visit, if it was missed or is late."""
    if visit.care_plan is None:
        return None
    return next((one for one in of_course(session, visit.care_plan) if one.visit is visit), None)
