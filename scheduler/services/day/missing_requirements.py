"""Open requirements of the visits of a day, for the board, in a fixed number of queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, selectinload

from scheduler.domain.localtime import local_on
from scheduler.domain.plans import Holds, Plan, RequirementDefinition
from scheduler.domain.requirements import Settled, held_until, why_open
from scheduler.domain.status import AppointmentStatus
from scheduler.models.appointment import Appointment
from scheduler.models.care_plan import CarePlan
from scheduler.models.open_requirements import number_of
from scheduler.models.plan_definition import PlanDefinition
from scheduler.models.requirement import Requirement

Known = Mapping[tuple[int, int | None, str], Settled | None]  # None: it applies, and is not complete


def of_day(session: Session, visits: Sequence[Appointment]) -> dict[int, list[RequirementDefinition]]:
    """Return the requirements that keep pending visits waiting, by visit, in the plan's order.

    One for which it is not known whether it applies is left out: the board may be on a shared screen.
    """
    pending = [visit for visit in visits if visit.status is AppointmentStatus.PENDING and visit.care_plan]
    plans, settled = _plans(session, pending), _settled(session, pending)
    counting = {course for (course, *_), one in settled.items() if one and one.visits is not None}
    if counting:  # the places of their visits are counted; without this, each course would be a query
        courses = select(CarePlan).where(CarePlan.id.in_(sorted(counting)))
        session.scalars(courses.options(selectinload(CarePlan.appointments))).all()
    return {
        visit.id: _missing(visit, plans[visit.care_plan.plan_definition_id], settled)
        for visit in pending
        if visit.care_plan
    }


def _plans(session: Session, visits: Sequence[Appointment]) -> dict[int, Plan]:
    ids = {visit.care_plan.plan_definition_id for visit in visits if visit.care_plan}
    query = select(PlanDefinition).where(PlanDefinition.id.in_(sorted(ids)))
    return {row.id: row.plan for row in session.scalars(query)}


def _settled(session: Session, visits: Sequence[Appointment]) -> Known:
    """Return what is known for these visits: by course, by visit (None: for the whole course), and key."""
    query = select(
        Requirement.care_plan_id,
        Requirement.appointment_id,
        Requirement.key,
        Requirement.completed_at,
        Requirement.valid_until_on,
        Requirement.waived,
        Requirement.applies,
        Requirement.valid_from_on,
        Requirement.approved_visits,
    ).where(
        Requirement.care_plan_id.in_(sorted({visit.care_plan_id for visit in visits if visit.care_plan_id})),
        or_(
            Requirement.appointment_id.is_(None),
            Requirement.appointment_id.in_([visit.id for visit in visits]),
        ),
        or_(Requirement.completed_at.is_not(None), Requirement.applies.is_not(None)),
    )
    return {
        (course, visit, key): (
            Settled(completed_at, until, waived or applies is False, from_on, approved)
            if completed_at is not None
            else None
        )
        for course, visit, key, completed_at, until, waived, applies, from_on, approved in session.execute(
            query
        )
    }


def _missing(visit: Appointment, plan: Plan, settled: Known) -> list[RequirementDefinition]:
    action = next((action for action in plan.actions if action.key == visit.action), None)
    rules = [plan.requirement(key) for key in action.requirements] if action else []
    return [rule for rule in rules if _why(visit, rule, settled)]


def _why(visit: Appointment, rule: RequirementDefinition, settled: Known) -> str | None:
    own = visit.id if rule.holds is Holds.PER_SESSION else None
    key = (visit.care_plan_id or 0, own, rule.key)
    if rule.if_applies and key not in settled:
        return None
    known = settled.get(key)
    if known is not None:
        until = held_until(rule, known.valid_until_on, local_on(known.completed_at, visit.zone))
        known = replace(known, valid_until_on=until)
    number = number_of(visit, rule, known)
    visit_on = local_on(visit.start_at, visit.zone)
    return why_open(rule, known, visit.start_at, visit_on, visit.formats, number=number)
