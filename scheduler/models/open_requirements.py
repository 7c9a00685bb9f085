"""Which requirements are open for a visit, and what of that the patient is asked about.

The driver is asked for on its own. A requirement of the whole course is not missed while a preparatory visit of the
course (one outside every series, such as the consent) is still to come before: it is settled there as a rule.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime

from scheduler.domain.localtime import local_on
from scheduler.domain.plans import DRIVER, Holds, RequirementDefinition
from scheduler.domain.reminders import Topic
from scheduler.domain.requirements import Settled, held_until, why_open
from scheduler.domain.status import ATTENDED, AppointmentStatus
from scheduler.models.appointment import Appointment, appointments_of
from scheduler.models.care_plan import CarePlan
from scheduler.models.requirement import Requirement
from scheduler.models.user import StaffRole

__all__ = [
    "DRIVER",
    "OpenRequirement",
    "VisitCount",
    "count_of",
    "counts_visits",
    "guards",
    "may_complete",
    "number_of",
    "open_requirements",
    "rules_for",
    "status_by_requirements",
]


@dataclass(frozen=True)
class OpenRequirement:
    """A requirement that is not settled for one visit, and why.

    `applies` is None until staff have said whether it does: patients and shared screens do not show such a one.
    """

    key: str
    title: str
    why: str
    completed_by: tuple[str, ...] = ()
    applies: bool | None = True


@dataclass(frozen=True)
class VisitCount:
    """How an authorization is used. `expires_before` is the first visit ahead after its last day."""

    approved: int
    used: int
    planned: int
    until_on: date | None
    expires_before: Appointment | None

    @property
    def left(self) -> int:
        return max(self.approved - self.used, 0)

    @property
    def beyond(self) -> int:
        """How many planned visits it does not cover by their number."""
        return max(self.planned - self.left, 0)


def rules_for(appointment: Appointment) -> tuple[RequirementDefinition, ...]:
    """Return the requirements that guard a visit; none where its course's plan does not know its action."""
    if appointment.care_plan is None:
        return ()
    plan = appointment.care_plan.plan_definition.plan
    action = next((action for action in plan.actions if action.key == appointment.action), None)
    return tuple(plan.requirement(key) for key in action.requirements) if action else ()


def guards(appointment: Appointment) -> tuple[RequirementDefinition, ...]:
    """Return the requirements that hold a visit up: all but the duties that follow it."""
    return tuple(rule for rule in rules_for(appointment) if not rule.after_visit)


def may_complete(role: StaffRole | None, completed_by: Collection[str]) -> bool:
    """Tell whether the role is one of those that a requirement names; any role is, where it names none."""
    return not completed_by or (role is not None and role.value in completed_by)


def open_requirements(appointment: Appointment) -> list[OpenRequirement]:
    """Return what is not settled for a visit, in the plan's order."""
    found = []
    rows, formats = _rows(appointment), appointment.formats
    visit_on = local_on(appointment.start_at, appointment.zone)
    for rule in rules_for(appointment):
        row = rows.get((rule.key, rule.holds is Holds.PER_SESSION))
        settled = _settled(rule, row, appointment)
        asked = row is not None and row.applies is not None
        number = number_of(appointment, rule, settled)
        why = why_open(rule, settled, appointment.start_at, visit_on, formats, asked=asked, number=number)
        if why:
            applies = None if rule.if_applies and settled is None and not asked else True
            found.append(OpenRequirement(rule.key, rule.title, why, rule.completed_by, applies))
    return found


def number_of(appointment: Appointment, rule: RequirementDefinition, settled: Settled | None) -> int | None:
    """Return a visit's place, from 1, among those that count for an authorization; None where none is counted."""
    if settled is None or settled.visits is None:
        return None
    counted = _counted(appointment.care_plan, rule, settled.valid_from_on)
    return counted.index(appointment) + 1 if appointment in counted else None


def count_of(care_plan: CarePlan, rule: RequirementDefinition, row: Requirement) -> VisitCount | None:
    """Return how an authorization is used; None for one that counts no visits or is not complete."""
    if row.completed_at is None or row.approved_visits is None or row.waived:
        return None
    counted = _counted(care_plan, rule, row.valid_from_on)
    used = [one for one in counted if one.status in ATTENDED]
    planned = [one for one in counted if one.status not in ATTENDED]
    until = row.valid_until_on
    late = [one for one in planned if until is not None and local_on(one.start_at, one.zone) > until]
    return VisitCount(row.approved_visits, len(used), len(planned), until, late[0] if late else None)


def counts_visits(care_plan: CarePlan) -> bool:
    """Tell whether a course has a requirement that is good for a number of visits."""
    return any(row.approved_visits is not None for row in care_plan.requirements)


def _counted(
    care_plan: CarePlan | None, rule: RequirementDefinition, from_on: date | None
) -> list[Appointment]:
    """Return the guarded visits of a course that took place or will, in order of time."""
    found = [
        one
        for one in (appointments_of(care_plan) if care_plan else ())
        if one.status.is_live
        and rule in rules_for(one)
        and (from_on is None or local_on(one.start_at, one.zone) >= from_on)
    ]
    return sorted(found, key=lambda one: (one.start_at, one.id))


def status_by_requirements(appointment: Appointment) -> AppointmentStatus:
    """Return what a visit that stands is: pending while a requirement is open, else booked."""
    return AppointmentStatus.PENDING if open_requirements(appointment) else AppointmentStatus.BOOKED


def asked_about(appointment: Appointment) -> frozenset[Topic]:
    """Return what can be asked about a visit: its requirements, its driver, both or neither."""
    keys = {rule.key for rule in rules_for(appointment) if not rule.after_visit}
    found = {Topic.DRIVER} if DRIVER in keys else set()
    return frozenset(found | ({Topic.REQUIREMENTS} if keys - {DRIVER} else set()))


def is_missing(appointment: Appointment, topic: Topic) -> bool:
    """Tell whether there is something to ask about a visit: a driver, or any other open requirement."""
    return topic in topics_missing(appointment)


def topics_missing(appointment: Appointment) -> frozenset[Topic]:
    """Return what there is to ask about a visit."""
    return frozenset(
        Topic.DRIVER if requirement.key == DRIVER else Topic.REQUIREMENTS
        for requirement in open_requirements(appointment)
        if requirement.applies
    )


def is_needed(appointment: Appointment, now: datetime) -> bool:
    """Tell whether the patient is notified that something is still needed before a visit that has not begun.

    The driver is asked about on its own, and what a preparatory visit still to come settles is left out. Which
    requirement it is stays with the staff: most are theirs to settle, and the page may be in other hands than the
    patient's.
    """
    still_open = open_requirements(appointment) if appointment.status.is_ahead else []
    settled_there = _once(appointment) if _last_preparation(appointment, now) else frozenset()
    return any(
        requirement.applies and requirement.key not in (DRIVER, *settled_there) for requirement in still_open
    )


def settled_on_the_way(appointment: Appointment, now: datetime) -> datetime | None:
    """Return the end of the last preparatory visit still to come, when all that is missing may be settled there."""
    once = _once(appointment)
    if any(
        requirement.key not in once
        for requirement in open_requirements(appointment)
        if requirement.key != DRIVER and requirement.applies
    ):
        return None
    return _last_preparation(appointment, now)


def _once(appointment: Appointment) -> frozenset[str]:
    """Return the requirements that hold once for the whole course."""
    return frozenset(rule.key for rule in rules_for(appointment) if rule.holds is Holds.ONCE)


def _last_preparation(appointment: Appointment, now: datetime) -> datetime | None:
    course = appointments_of(appointment.care_plan) if appointment.care_plan else []
    ahead = [
        one.end_at
        for one in course
        if one.series is None and one.status.is_ahead and now < one.end_at <= appointment.start_at
    ]
    return max(ahead, default=None)


def _rows(appointment: Appointment) -> dict[tuple[str, bool], Requirement]:
    """Return the rows that count for a visit, by key and whether they are the visit's own."""
    own = appointment.id
    rows: dict[tuple[str, bool], Requirement] = {}
    for requirement in appointment.care_plan.requirements if appointment.care_plan else ():
        about = requirement.appointment_id
        if about is None or about == own:
            rows.setdefault((requirement.key, about is not None), requirement)
    return rows


def _settled(
    rule: RequirementDefinition, requirement: Requirement | None, appointment: Appointment
) -> Settled | None:
    if requirement is None or requirement.completed_at is None:
        return None
    until = held_until(rule, requirement.valid_until_on, local_on(requirement.completed_at, appointment.zone))
    return Settled(
        requirement.completed_at,
        until,
        requirement.waived or requirement.applies is False,
        requirement.valid_from_on,
        requirement.approved_visits,
    )
