"""The rules that a course keeps as a whole: complete, one at a time, each visit with its gaps."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy.orm import Session

from scheduler.domain.localtime import local_on
from scheduler.domain.planner.values import Placement, Violation
from scheduler.domain.plans import Action, Plan
from scheduler.domain.status import TO_MAKE_UP
from scheduler.models import care_plan as care_plans
from scheduler.models.appointment import Appointment
from scheduler.models.care_plan import CarePlan
from scheduler.models.patient import Patient
from scheduler.services.actors import Actor
from scheduler.services.planning import rules
from scheduler.services.planning.courses import is_projected, latest, steps_before, under_way

LONGEST_LIST = 5


def check_joining(
    session: Session,
    actor: Actor,
    care_plan: CarePlan,
    visit: Placement,
    now: datetime,
    override_reason: str = "",
) -> list[Violation]:
    """Check a course with this visit in it; return what an override breaks. Raises RuleBroken as rules.check does.

    A visit beside one that stands for the same step (one more therapy) has no place of its own in the count. One more
    that gives the drug is beyond the protocol.
    """
    standing = standing_for(care_plan, visit.action)
    if standing is not None:
        beyond = [] if standing.dosing is None else [_beyond(standing)]
        rules.require(actor, beyond, override_reason)
        return beyond
    course = under_way(session, actor, care_plan, now, joining=visit.action)
    done = {action: known for action, known in course.request.done.items() if action != visit.action}
    before, after = course.visits, {**course.visits, visit.action: visit}
    request = replace(course.request, done=done)
    return rules.check_change(
        actor,
        request,
        course.calendar,
        list(before.values()),
        list(after.values()),
        now,
        override_reason,
        order_broken(actor, care_plan, before, after),
    )


def order_broken(
    actor: Actor, care_plan: CarePlan, before: Mapping[str, Placement], after: Mapping[str, Placement]
) -> list[Violation]:
    """Return where a change puts a step after a visit that follows it over steps that were canceled or missed.

    Gaps count from a canceled visit as if it had taken place, so that they do not keep this order. `before` and `after`
    are the visits ahead.
    """
    former, plan = _out_of_order(care_plan, before), care_plan.plan_definition.plan
    found = []
    for step, following in _out_of_order(care_plan, after):
        if (step, following) in former:
            continue
        on = local_on(after[following].start, actor.clinic.zone)
        names = [plan.action(key).numbered_title for key in (step, following)]
        words = f"{names[0]} must come before {names[1]} on {actor.clinic.formats.month_day(on)}."
        found.append(Violation(step, "order", words, hard=False))
    return found


def _out_of_order(care_plan: CarePlan, visits: Mapping[str, Placement]) -> list[tuple[str, str]]:
    """Return each step with the visit that follows it over steps that are missing, and does not come after it."""
    plan, standing = care_plan.plan_definition.plan, latest(care_plan)
    found = []
    for key, visit in visits.items():
        over_missing = False
        for step in steps_before(plan, key):
            if step in visits:
                if over_missing and visits[step].attended_end > visit.start:
                    found.append((step, key))
                break
            row = standing.get(step)
            if row is None or row.status not in TO_MAKE_UP:
                break
            over_missing = True
    return found


def standing_for(care_plan: CarePlan, action: str) -> Appointment | None:
    """Return the visit that stands for an action, None where a visit would take that place."""
    standing = latest(care_plan).get(action)
    free = standing is None or standing.status in TO_MAKE_UP or is_projected(standing)
    return None if free else standing


def _beyond(standing: Appointment) -> Violation:
    on = standing.formats.month_day(standing.local_start.date())
    words = (
        f"{standing.numbered_title} is in this course already, on {on}: the protocol has no additional one."
    )
    return Violation(standing.action, "extra-dose", words, hard=False)


def missing_steps(plan: Plan, present: Collection[str]) -> list[Violation]:
    """Return the firm steps that a new course lacks, as one violation; hard where a hard gap hangs on one of them."""
    missing = [action for action in plan.firm if action.key not in present]
    if not missing:
        return []
    keys = {action.key for action in missing}
    hard = any(
        action.offset is not None and action.offset.hard and action.offset.after in keys
        for action in plan.firm
        if action.key in present
    )
    names = [action.numbered_title for action in missing[:LONGEST_LIST]]
    more = len(missing) - len(names)
    listed = ", ".join(names) + (f" and {more} more" if more else "")
    return [Violation(missing[0].key, "incomplete", f"The course is missing {listed}.", hard)]


def second_courses(
    session: Session, patient: Patient, plan: Plan, changing: CarePlan | None = None
) -> list[Violation]:
    """Return a violation for each open course that gives the patient a drug already, when this plan gives one too.

    `changing` is the course that is to follow the plan, unless it is a new one.
    """
    first = next((action.key for action in plan.firm if action.dosing), None)
    if first is None:
        return []
    return [
        Violation(
            first,
            "one-course",
            f"The patient already has an open course: {one.plan_definition.title}. End it first.",
            False,
        )
        for one in open_dosing_courses(session, patient)
        if one is not changing
    ]


def open_dosing_courses(session: Session, patient: Patient) -> Sequence[CarePlan]:
    """Return the open courses of a patient whose protocol gives a drug."""
    return [
        one
        for one in care_plans.of_patient(session, patient)
        if one.status.is_open and gives_drug(one.plan_definition.plan)
    ]


def gives_drug(plan: Plan) -> bool:
    """Tell whether a visit of a protocol gives a drug."""
    return any(action.dosing for action in plan.actions)


def without_course(action: Action) -> list[Violation]:
    """Return a violation for a visit that only a course may hold: one that gives a drug, or has requirements."""
    if action.dosing is None and not action.requirements:
        return []
    return [
        Violation(
            action.key,
            "no-course",
            f"{action.title} is part of a course: book the course, or add the visit to one.",
            False,
        )
    ]
