"""The planner against every placement of tiny courses, found by trying them all."""

from random import Random

import pytest

from scheduler.domain.planner import Availability, Weights, propose, slot_map
from scheduler.domain.planner.answers.cost_breakdown import CostBreakdown
from scheduler.domain.planner.search.problem import PlanningProblem
from scheduler.domain.planner.values import NoFit, Request
from scheduler.domain.plans import Action, Role, Unit
from tests.domain.planner.brute import every_course, possible
from tests.domain.planner.clinics import (
    MONDAY,
    NOW,
    calendar,
    days_after,
    hours_after,
    need,
    phase,
    plan,
    random_calendar,
    staff,
    weekdays,
)

SHORT = (
    phase("set-up", 10, Role.CHAIR, need(Role.NURSE, exclusive=True), need(Role.PRESCRIBER, presence=True)),
    phase("infusion", 10, Role.CHAIR, Role.NURSE),
    phase("turnover", 5, Role.CHAIR, attended=False),
)
TALK = (phase("session", 15, Role.ROOM, Role.THERAPIST),)
RING = (phase("call", 5, Role.NURSE),)


def tiny_course(rng):
    least = rng.choice([0, 1, 2])
    second = days_after("infusion-1", least, least + 1, least + 2, rng.choice([Unit.DAYS, Unit.WORKING_DAYS]))
    therapy = rng.choice([hours_after("infusion-1", 24, 24, 72), days_after("infusion-1", 0, 1, 2)])
    actions = [
        Action("infusion-1", "infusion", "Infusion", SHORT, series="infusion"),
        Action("therapy-1", "therapy", "Therapy", TALK, therapy, rng.choice([None, "infusion-2"])),
        Action("infusion-2", "infusion", "Infusion", SHORT, second, series="infusion"),
    ]
    if rng.random() < 0.3:
        after = days_after("infusion-1", 0, 1, 1, Unit.WORKING_DAYS)
        actions.insert(2, Action("call-1", "call", "Call", RING, after, "infusion-2", visible=False))
    return plan(*actions)


def tiny_calendar(rng):
    people = staff(chairs=1, rooms=1, nurses=1, prescribers=1, therapists=rng.randint(1, 2))
    open_on = [on for on in weekdays(7) if rng.random() < 0.8]
    empty = calendar(7, people, open_on, opens="09:00", closes="09:35")
    return random_calendar(rng, 7, rng.choice([0.0, 0.2, 0.4]), people, hours=empty.hours)


@pytest.mark.parametrize("seed", range(10))
def test_the_slot_map_and_the_optimum_agree_with_trying_everything(seed):
    rng = Random(seed)
    request = Request(tiny_course(rng), MONDAY, count=1)
    availability = Availability(tiny_calendar(rng))
    courses = list(every_course(request, availability.calendar, NOW))
    problem = PlanningProblem(request, availability, Weights(), NOW)

    shaded = slot_map(request, availability, now=NOW)

    for action in request.plan.firm:
        expected = {visit.start for visits in courses for visit in visits if visit.action == action.key}
        assert set(shaded[action.key]) == expected
    if not courses:
        with pytest.raises(NoFit):
            propose(request, availability, now=NOW)
        return
    assert propose(request, availability, now=NOW)[0].cost == min(cost(problem, visits) for visits in courses)


def cost(problem, visits):
    """Return the cost of a placement for the best choice of the course's own therapist."""
    grid = problem.availability.grid
    by_key = {step.key: step for step in problem.course.steps}
    cells = {by_key[visit.action]: grid.cell(visit.start) for visit in visits}
    breakdown = CostBreakdown(problem, cells)
    owners = problem.optimum.therapists() or [None]
    return min(sum(term.cost for term in breakdown.terms(owner)) for owner in owners)


@pytest.mark.parametrize("seed", range(6))
def test_start_sets_are_what_some_choice_of_resources_allows(seed):
    rng = Random(seed)
    request = Request(plan(Action("infusion-1", "infusion", "Infusion", SHORT)), MONDAY)
    both = staff(chairs=2, nurses=2, prescribers=1)
    open_hours = calendar(3, both, opens="09:00", closes="11:00").hours
    availability = Availability(random_calendar(rng, 3, 0.5, both, hours=open_hours))
    problem = PlanningProblem(request, availability, Weights(), NOW)
    (step,) = problem.course.steps

    found = {availability.grid.instant(cell) for cell in availability.grid.cells(problem.sets[step])}

    alone = set(possible(request, availability.calendar, NOW)["infusion-1"])
    assert alone <= found
    assert all(handed_over(problem, step, start) for start in found - alone)


def handed_over(problem, step, start):
    """Tell whether a visit at this start passes from one nurse to another: what trying one nurse each cannot find."""
    cell = problem.availability.grid.cell(start)
    return not problem.starts.single_nurse(problem.starts.demand(step.action)) >> cell & 1
