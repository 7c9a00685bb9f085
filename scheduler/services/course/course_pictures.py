"""A course as a page shows it: its visits in order, each with the gap before it against what the plan allows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from scheduler.domain.plans import Holds, Plan, RequirementDefinition
from scheduler.domain.spacing import Spacing, Times, spacings
from scheduler.domain.status import AppointmentStatus
from scheduler.models.appointment import Appointment, appointments_of
from scheduler.models.care_plan import CarePlan
from scheduler.models.clinic import Clinic
from scheduler.models.requirement import Requirement
from scheduler.services.clinic.working_days import working_days
from scheduler.services.planning.courses import latest
from scheduler.services.visit.moves import Move


@dataclass(frozen=True)
class SpacedVisit:
    """A visit of the course. `spacing` is None for the first, and for one that is off."""

    visit: Appointment
    spacing: Spacing | None

    @property
    def stands(self) -> bool:
        return not self.visit.status.is_off


@dataclass(frozen=True)
class RequirementState:
    """A requirement of the course: its rule and its row, one for the course or one for a visit."""

    rule: RequirementDefinition
    row: Requirement
    visit: Appointment | None

    @property
    def counts_now(self) -> bool:
        """Whether something ahead waits for it."""
        return self.visit is None or self.visit.status.is_ahead


@dataclass(frozen=True)
class Picture:
    """Everything of a course in order of time. `next_step` is the next visit that stands.

    `done` of `firm` are the visits that patients come to, as their page and mails count them: no calls.
    """

    plan: Plan
    steps: tuple[SpacedVisit, ...]
    requirements: tuple[RequirementState, ...]
    next_step: SpacedVisit | None
    done: int
    firm: int


def picture(session: Session, clinic: Clinic, care_plan: CarePlan, now: datetime) -> Picture:
    """Return the present course."""
    plan = care_plan.plan_definition.plan
    standing = _standing(care_plan)
    gaps = gaps_of(session, clinic, care_plan)
    steps = tuple(
        SpacedVisit(visit, gaps.get(visit.action) if visit is standing.get(visit.action) else None)
        for visit in appointments_of(care_plan)
    )
    firm = [step for step in steps if step.stands and step.visit.status is not AppointmentStatus.PROPOSED]
    counted = [step.visit for step in firm if step.visit.visible]
    return Picture(
        plan,
        steps,
        _requirements(care_plan, plan),
        next((step for step in firm if step.visit.end_at > now), None),
        sum(visit.status is AppointmentStatus.FULFILLED for visit in counted),
        len(counted),
    )


def gaps_of(session: Session, clinic: Clinic, care_plan: CarePlan) -> Mapping[str, Spacing]:
    """Return the gap before each visit of a course that stands, by action."""
    plan = care_plan.plan_definition.plan
    return spacings(plan, _times(_standing(care_plan)), clinic.zone, working_days(session, clinic))


def _standing(care_plan: CarePlan) -> dict[str, Appointment]:
    return {key: one for key, one in latest(care_plan).items() if not one.status.is_off}


def _times(visits: Mapping[str, Appointment]) -> dict[str, Times]:
    return {key: (one.start_at, one.end_at) for key, one in visits.items()}


@dataclass(frozen=True)
class GapChange:
    """A gap of the course as it is and as it would be."""

    visit: Appointment
    before: Spacing | None
    after: Spacing


def changed_gaps(session: Session, clinic: Clinic, moves: Sequence[Move]) -> list[GapChange]:
    """Return the gaps that these moves of one course change, in the plan's order."""
    care_plan = moves[0].appointment.care_plan
    if care_plan is None:
        return []
    plan, works = care_plan.plan_definition.plan, working_days(session, clinic)
    standing = _standing(care_plan)
    times = _times(standing)
    moved = {move.visit.action: (move.visit.start, move.visit.attended_end) for move in moves}
    before = spacings(plan, times, clinic.zone, works)
    after = spacings(plan, times | moved, clinic.zone, works)
    return [
        GapChange(standing[key], before.get(key), gap)
        for key, gap in after.items()
        if key in standing and before.get(key) != gap
    ]


def _requirements(care_plan: CarePlan, plan: Plan) -> tuple[RequirementState, ...]:
    visits = {visit.id: visit for visit in appointments_of(care_plan)}
    order = {requirement.key: n for n, requirement in enumerate(plan.requirements)}
    rows = [row for row in care_plan.requirements if row.key in order]
    found = [
        RequirementState(
            plan.requirement(row.key), row, visits.get(row.appointment_id) if row.appointment_id else None
        )
        for row in rows
    ]
    return tuple(
        sorted(
            found,
            key=lambda one: (
                one.rule.holds is Holds.PER_SESSION,
                one.visit.start_at.timestamp() if one.visit else 0,
                order[one.rule.key],
            ),
        )
    )
