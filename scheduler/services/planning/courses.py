"""A booked course as the planner sees it: what stays where it is, and what may move."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload, selectinload

from scheduler.domain.localtime import local_on
from scheduler.domain.planner import Weights
from scheduler.domain.planner.grid.availability import Availability
from scheduler.domain.planner.measures import line_visits
from scheduler.domain.planner.values import Done, Placement, Request
from scheduler.domain.plans import Action, Plan
from scheduler.domain.status import STEPS, TO_MAKE_UP, AppointmentStatus, CourseEffect, Response
from scheduler.models.allocation import Allocation, of_appointments
from scheduler.models.appointment import Appointment, appointments_of
from scheduler.models.care_plan import CarePlan
from scheduler.services.actors import Actor
from scheduler.services.clinic import planner_weights
from scheduler.services.planning import proposals
from scheduler.services.planning.visit_rows import as_booked, done_of, visit_of
from scheduler.services.planning.wishes import CourseRequest, of_care_plan


@dataclass(frozen=True)
class OngoingCourse:
    """A course that is under way: the rows of its visits to come, what they take up, the request they answer, the
    live calendar on which their own time counts as free, and the clinic's weights."""

    rows: Mapping[str, Appointment]
    visits: Mapping[str, Placement]
    request: Request
    calendar: Availability
    weights: Weights

    @property
    def keep(self) -> frozenset[str]:
        """The actions that should stay if anything can be done about it."""
        return to_keep(self.rows)


def under_way(
    session: Session,
    actor: Actor,
    care_plan: CarePlan,
    now: datetime,
    only: Collection[str] | None = None,
    joining: str | None = None,
) -> OngoingCourse:
    """Read a course for re-planning what has not begun; `not_before` is today, what was wished for still holds.

    With `only` these actions alone may move; every other visit stays where it is. An action that is `joining` the
    course belongs to its plan even if the course was booked without it.
    """
    rows = {action: one for action, one in to_come(care_plan, now).items() if only is None or action in only}
    wishes = rest(session, actor, care_plan, {*rows, joining} if joining else rows, now)
    ids = frozenset(row.id for row in rows.values())
    calendar = proposals.load(session, actor, wishes, now, ids)
    return ongoing(actor, rows, wishes, of_appointments(session, ids), calendar)


def ongoing(
    actor: Actor,
    rows: Mapping[str, Appointment],
    wishes: CourseRequest,
    used: Mapping[int, Sequence[Allocation]],
    calendar: Availability,
) -> OngoingCourse:
    """Return a course of which these visits may move; `used` is what each of them uses, by its id."""
    request = wishes.request()
    request = replace(request, plan=with_lengths(request.plan, rows))
    visits = {action: visit_of(row, used.get(row.id, ())) for action, row in rows.items()}
    return OngoingCourse(rows, visits, request, calendar, planner_weights.of(actor.clinic))


def to_keep(rows: Mapping[str, Appointment]) -> frozenset[str]:
    """Return the actions that should stay if anything can be done about it: pinned, or confirmed by the patient."""
    return frozenset(action for action, row in rows.items() if should_stay(row))


def should_stay(row: Appointment) -> bool:
    return row.pinned or row.response is Response.ACCEPTED


def to_come(care_plan: CarePlan, now: datetime) -> dict[str, Appointment]:
    """Return the visits of a course that have not begun and may move, by action."""
    return {
        action: one
        for action, one in latest(care_plan).items()
        if one.status in STEPS["reschedule"] and one.start_at > now and not is_projected(one)
    }


def rest(
    session: Session, actor: Actor, care_plan: CarePlan, moving: Collection[str], now: datetime
) -> CourseRequest:
    """Return the wishes for planning these actions of a course from today on, around all the others.

    A step that the course was booked without is not planned either.
    """
    wishes = of_care_plan(session, care_plan)
    done = {action: known for action, known in wishes.done.items() if action not in moving}
    done |= anchors(care_plan, moving)
    steps = {action.key for action in care_plan.plan_definition.plan.firm}
    left_out = frozenset(steps - done.keys() - latest(care_plan).keys() - {*moving})
    today = local_on(now, actor.clinic.zone)
    return replace(wishes, not_before=today, done=done, left_out=left_out, count=1)


def latest(care_plan: CarePlan) -> dict[str, Appointment]:
    """Return the visit that stands for each action: a make-up instead of the one it replaces.

    After a change of protocol and back there are several visits of an action: those that take place stand before those
    that do not, and newer ones before older ones. An additional visit (see `is_additional`) stands for no action.
    """
    replaced = {one.replaces_id for one in appointments_of(care_plan)}
    actions = {action.key: action for action in care_plan.plan_definition.plan.actions}
    rows = [
        one
        for one in appointments_of(care_plan)
        if one.id not in replaced and one.action in actions and not is_additional(one, actions[one.action])
    ]
    return {one.action: one for one in sorted(rows, key=lambda row: (not row.status.is_off, _age(row)))}


def is_additional(appointment: Appointment, action: Action) -> bool:
    """Tell whether a visit was booked beside the one that stands for its action: it has no place in the series."""
    return action.series is not None and appointment.series is None


def has_place(appointment: Appointment) -> bool:
    """Tell whether a visit of a course stands for its action, or was booked beside it.

    It does not once another visit made up for it, or the course follows a protocol without it.
    """
    course = appointment.care_plan
    if course is None:
        return True
    plan = course.plan_definition.plan
    action = next((one for one in plan.actions if one.key == appointment.action), None)
    if action is None:
        return False
    return latest(course).get(appointment.action) is appointment or is_additional(appointment, action)


def _age(appointment: Appointment) -> int:
    return appointment.id or sys.maxsize  # new ones have no id yet


def along_with(plan: Plan, action: str) -> frozenset[str]:
    """Return an action and those beside the line that follow it, directly or not: its check-in call, its therapy."""
    line, found = line_visits(plan), {action}
    for one in plan.actions:  # in an order in which each follows the one its offset names
        if one.offset is not None and one.offset.after in found and one.key not in line:
            found.add(one.key)
    return frozenset(found)


def steps_before(plan: Plan, key: str) -> list[str]:
    """Return the actions from which an action is counted, directly or not, the nearest first."""
    offset = plan.action(key).offset
    return [offset.after, *steps_before(plan, offset.after)] if offset else []


def missing_before(appointment: Appointment) -> list[Appointment]:
    """Return the single visits that this one follows, directly or not, and that are missing: first ones first.

    A step is missing when its visit was canceled or missed, or takes place only after this one. It is not when another
    visit of the step was held or comes before this one, when it was skipped, and when the course was booked without it.
    Members of a series (infusion 2 before infusion 3) keep their place in the count instead.
    """
    course = appointment.care_plan
    if course is None:
        return []
    visits, skipped = latest(course), course.wishes.get("skipped", ())
    found: list[Appointment] = []
    for step in _steps_before(course, appointment.action):
        visit = visits.get(step.key)
        is_single = step.series is None and step.key not in skipped
        if is_single and visit is not None and _is_missing(course, step.key, appointment):
            found.append(visit)
    return found[::-1]


def blocked_by(appointment: Appointment) -> list[Appointment]:
    """Return the visits ahead that could not take place without this one: those that ask for it as a preparation."""
    course = appointment.care_plan
    if course is None or latest(course).get(appointment.action) is not appointment:
        return []
    step = course.plan_definition.plan.action(appointment.action)
    return depending(appointment) if step.series is None else []


def depending(appointment: Appointment) -> list[Appointment]:
    """Return the later visits ahead that follow this one in its course, directly or not, but not only from it."""
    course = appointment.care_plan
    if course is None or latest(course).get(appointment.action) is not appointment:
        return []
    only = followers(appointment)
    ahead = [one for one in latest(course).values() if one.status.is_expected and one not in only]
    return sorted(
        (one for one in ahead if any(s.key == appointment.action for s in _steps_before(course, one.action))),
        key=lambda one: (one.start_at, one.id),
    )


def followers(appointment: Appointment) -> list[Appointment]:
    """Return the visits of a course that are held only because of this one: its check-in call.

    The patient does not come for them, and no other step follows them. What was canceled is among them.
    """
    course = appointment.care_plan
    if course is None or latest(course).get(appointment.action) is not appointment:
        return []
    plan, visits = course.plan_definition.plan, latest(course)
    followed = {action.offset.after for action in plan.actions if action.offset is not None}
    return [
        visits[action.key]
        for action in plan.actions
        if action.offset is not None
        and action.offset.after == appointment.action
        and not action.visible
        and action.dosing is None
        and action.key not in followed
        and action.key in visits
    ]


def _is_missing(course: CarePlan, step: str, before: Appointment) -> bool:
    """Tell whether no visit of a step was held or is booked before this one, and none was skipped."""
    rows = [one for one in appointments_of(course) if one.action == step]
    if any(one.course_effect is CourseEffect.SKIP and one.status in TO_MAKE_UP for one in rows):
        return False
    live = [one for one in rows if one.status.is_live]
    in_place = any(not one.status.is_expected or one.start_at < before.start_at for one in live)
    return not in_place and any(one.status in TO_MAKE_UP or one in live for one in rows)


def _steps_before(course: CarePlan, key: str) -> Iterator[Action]:
    """Yield the steps from which a step is counted, directly or not, the nearest first."""
    plan = course.plan_definition.plan
    if any(action.key == key for action in plan.actions):
        yield from map(plan.action, steps_before(plan, key))


def missing_before_each(
    session: Session, appointments: Sequence[Appointment]
) -> dict[int, list[Appointment]]:
    """Return what is missing before each of these visits, by the id of the visit; most have no entry.

    Two queries for any number of them: only courses in which something was canceled or missed are read.
    """
    expected = [one for one in appointments if one.status.is_expected and one.care_plan_id is not None]
    gone = select(Appointment.care_plan_id).where(
        Appointment.care_plan_id.in_({one.care_plan_id for one in expected}),
        Appointment.status.in_(TO_MAKE_UP),
        Appointment.course_effect.is_distinct_from(CourseEffect.SKIP),
    )
    courses = select(CarePlan).where(CarePlan.id.in_(gone))
    options = (selectinload(CarePlan.appointments), joinedload(CarePlan.plan_definition))
    kept = {course.id: course for course in session.scalars(courses.options(*options))} if expected else {}
    found = {one.id: missing_before(one) for one in expected if one.care_plan_id in kept}
    return {key: missing for key, missing in found.items() if missing}


def missing_steps(care_plan: CarePlan) -> list[tuple[Appointment, Appointment]]:
    """Return the visits of a course that are missing, each with the first visit ahead that cannot take place."""
    found: dict[int, tuple[Appointment, Appointment]] = {}
    for visit in sorted(latest(care_plan).values(), key=lambda one: (one.start_at, one.id)):
        if visit.status.is_expected:
            for missing in missing_before(visit):
                found.setdefault(missing.id, (missing, visit))
    return list(found.values())


def anchors(care_plan: CarePlan, moving: Collection[str]) -> Mapping[str, Done]:
    """Return every action that is not to be placed, as a fixed time from which gaps are counted.

    A cancelled or missed visit that nothing replaces keeps its place in the count: the course goes on around it.
    """
    return {
        action: done_of(one)
        for action, one in latest(care_plan).items()
        if action not in moving and not is_projected(one)
    }


def with_lengths(plan: Plan, rows: Mapping[str, Appointment]) -> Plan:
    """Return a course's plan with the phases that its visits really have (a longer infusion for the rest)."""
    actions = (as_booked(a, rows[a.key]) if a.key in rows else a for a in plan.actions)
    return replace(plan, actions=tuple(actions))


def is_projected(appointment: Appointment) -> bool:
    """Tell whether a visit is only a date to book by: proposed, and not kept as a reservation."""
    return appointment.status is AppointmentStatus.PROPOSED and appointment.expires_at is None
