"""How the demo's requirements are completed: by a visit for it, before each session, or when the patient comes."""

from __future__ import annotations

from datetime import datetime, timedelta

from scheduler.demo import answers
from scheduler.demo.stories import Story, Turn
from scheduler.demo.timeline import Happening
from scheduler.demo.world import World
from scheduler.domain.plans import Holds, RequirementDefinition
from scheduler.models.appointment import Appointment
from scheduler.models.care_plan import CarePlan
from scheduler.models.open_requirements import DRIVER, guards
from scheduler.models.user import StaffRole
from scheduler.services.actors import Actor
from scheduler.services.visit import requirements

SETTLED_BY = {"psychiatric-evaluation": "consult", "medical-clearance": "assessment", "consent": "consent"}
LEFT_OPEN = "medical-clearance"
FIRST_APPROVED, MOST_APPROVED = 8, 30  # visits
RENEWED = "PA-20417"


def settle_at_booking(world: World, story: Story, care_plan: CarePlan, now: datetime) -> None:
    """Settle what no visit of the course is for: the patient brought it along, or it does not apply."""
    plan = care_plan.plan_definition.plan
    kinds = {action.kind for action in plan.actions}
    for requirement in plan.requirements:
        if requirement.holds is Holds.ONCE and SETTLED_BY.get(requirement.key) not in kinds:
            _close(world, care_plan, requirement, now)
        elif requirement.holds is Holds.DAYS and story.random(requirement.key).random() < 0.6:
            actor = world.cast.actor(StaffRole.PRESCRIBER)
            requirements.complete(world.session, actor, care_plan, requirement.key, now, applies=False)
        elif requirement.holds is Holds.VISITS:
            _authorize(world, story, care_plan, requirement, now)


def _authorize(
    world: World, story: Story, care_plan: CarePlan, rule: RequirementDefinition, now: datetime
) -> None:
    """Enter the insurance authorization: for the first visits of the course, or until shortly before its end."""
    guarded = [row for row in care_plan.appointments if row.status.is_expected and rule in guards(row)]
    days = sorted(row.local_start.date() for row in guarded)
    dice = story.random(rule.key)
    short = dice.random() < 0.5
    requirements.complete(
        world.session,
        _completer(world, rule),
        care_plan,
        rule.key,
        now,
        document=f"PA-{dice.randint(10000, 99999)}",
        approved_visits=FIRST_APPROVED if short else len(days),
        valid_until_on=days[-1] + timedelta(days=30) if short else days[-2],
    )


def settle_by_visit(world: World, story: Story, appointment: Appointment, now: datetime) -> None:
    """Settle what a visit that has just ended was for."""
    care_plan = appointment.care_plan
    if care_plan is None:
        return
    for requirement in care_plan.plan_definition.plan.requirements:
        left_open = requirement.key == LEFT_OPEN and story.turn is Turn.REQUIREMENTS_OPEN
        if SETTLED_BY.get(requirement.key) == appointment.kind and not left_open:
            _close(world, care_plan, requirement, now)


def plan_sessions(world: World, story: Story, appointment: Appointment) -> None:
    """Put on the timeline what is settled for this visit alone: the driver before, the form after."""
    dice = story.random(f"requirements {appointment.action}")
    for rule in requirements.rules_for(appointment):
        if rule.holds is not Holds.PER_SESSION or dice.random() < 0.1:
            continue
        after = timedelta(days=dice.randint(1, 6), hours=dice.randint(0, 3))
        before = timedelta(hours=dice.randint(18, 70))
        at = appointment.end_at + after if rule.after_visit else appointment.start_at - before
        world.timeline.add(at, _closing(world, story, appointment, rule))


def settle_all(world: World, appointment: Appointment, now: datetime) -> None:
    """Settle what is still open when the patient has come: the driver is there, the test is done."""
    if appointment.care_plan is None:
        return
    for still_open in requirements.open_requirements(appointment):
        rule = appointment.care_plan.plan_definition.plan.requirement(still_open.key)
        _close(world, appointment.care_plan, rule, now, appointment)


def _closing(world: World, story: Story, appointment: Appointment, rule: RequirementDefinition) -> Happening:
    def happens(now: datetime) -> None:
        if appointment.care_plan is None or not appointment.status.is_live:
            return
        if rule.key == DRIVER:
            answers.tell_driver(world, story, appointment, now)
        else:
            _close(world, appointment.care_plan, rule, now, appointment)

    return happens


def _close(
    world: World,
    care_plan: CarePlan,
    rule: RequirementDefinition,
    now: datetime,
    appointment: Appointment | None = None,
) -> None:
    own = appointment if rule.holds is Holds.PER_SESSION else None
    counts = rule.holds is Holds.VISITS  # the insurer approved more visits
    requirements.complete(
        world.session,
        _completer(world, rule),
        care_plan,
        rule.key,
        now,
        own,
        document=RENEWED if counts else "",
        approved_visits=MOST_APPROVED if counts else None,
    )


def _completer(world: World, rule: RequirementDefinition) -> Actor:
    """Return the first of nurse, prescriber and front desk that the protocol lets complete the requirement."""
    actors = [
        world.cast.actor(role) for role in (StaffRole.NURSE, StaffRole.PRESCRIBER, StaffRole.FRONT_DESK)
    ]
    return next(one for one in actors if requirements.may_complete(one.role, rule.completed_by))
