"""Alternatives share work and stop early; each must be the plan that a search of its own would find."""

from dataclasses import replace
from datetime import time
from random import Random

import pytest

from scheduler.domain.planner import Availability, Weights, propose
from scheduler.domain.planner.answers import alternatives
from scheduler.domain.planner.answers.cost_breakdown import CostBreakdown
from scheduler.domain.planner.search.problem import PlanningProblem
from scheduler.domain.planner.values import ProposalKind, Request
from scheduler.domain.plans import Action, Role
from tests.domain.planner.clinics import (
    CALL,
    MONDAY,
    NOW,
    at,
    calendar,
    course,
    day,
    days_after,
    plan,
    random_calendar,
    staff,
)
from tests.domain.planner.instances import instance

THREE = 3


def alone(problem):
    """Return the costs of different courses, each kind searched to its end on a problem of its own."""
    by_key = {step.key: step for step in problem.course.steps}

    def searched(changed, therapists):
        fresh = PlanningProblem(problem.request, problem.availability, problem.weights, problem.now)
        own = {step.key: step for step in fresh.course.steps}
        sets = {own[step.key]: cells for step, cells in changed.items()}
        solution = fresh.optimum.best(sets, therapists)
        return solution and type(solution)(
            {by_key[step.key]: cell for step, cell in solution.cells.items()},
            solution.cost,
            solution.therapist,
            solution.proven,
        )

    first = problem.optimum.best(problem.sets)
    kinds = alternatives._variations(problem, first)
    same = alternatives._same(first)
    others = [(kind, solution) for kind, sets in kinds if (solution := searched(sets, same))]
    return costs(alternatives._different(problem, [(ProposalKind.BEST, first)], others, THREE))


def costs(found):
    return [solution.cost for _, solution in found]


def wide(seed):
    """Return a course of three infusions in twelve busy weeks, with four therapists to choose from."""
    people = staff(chairs=3, rooms=2, nurses=2, prescribers=2, therapists=4)
    busy = random_calendar(Random(seed), 84, 0.5, people)
    return PlanningProblem(Request(course(3), MONDAY), Availability(busy), Weights(), NOW)


@pytest.mark.parametrize(("make", "seeds"), [(instance, range(30)), (wide, range(8))])
def test_sharing_and_stopping_early_change_no_alternative(make, seeds):
    compared = 0
    for seed in seeds:
        problem = make(seed)
        first = problem.optimum.best(problem.sets)
        if first:
            found = alternatives._others(problem, [(ProposalKind.BEST, first)], first, THREE)
            compared += len(found) > 1
            assert costs(found) == alone(make(seed)), seed
    assert compared


@pytest.mark.parametrize("seed", range(8))
def test_each_alternative_is_better_in_what_it_is_for(seed):
    problem = wide(seed)
    grid, finish = problem.availability.grid, problem.course.finish
    (_, first), *rest = alternatives.best(problem, 9)
    ends = {kind: found.cells[finish] // grid.width for kind, found in rest}

    for kind, found in rest:
        assert found.cost >= first.cost
        assert found.cost == sum(
            term.cost for term in CostBreakdown(problem, found.cells).terms(found.therapist)
        )
        if kind is ProposalKind.SOONEST:
            assert ends[kind] <= min(ends.values()) and ends[kind] < first.cells[finish] // grid.width
            earlier = grid.rows(range(ends[kind]))
            assert problem.optimum.best({**problem.sets, finish: problem.sets[finish] & earlier}) is None
        if kind is ProposalKind.ONE_TIME:
            assert len({found.cells[step] % grid.width for step in found.cells if step.on_line}) == 1
        if kind is ProposalKind.FEWEST_TRIPS:
            assert alternatives.trips(problem, found.cells) <= alternatives.trips(problem, first.cells) - 2


def test_fewer_trips_on_the_days_of_the_infusions():
    people = staff(chairs=2, rooms=1, nurses=1, prescribers=1, therapists=1)
    problem = PlanningProblem(Request(course(6), MONDAY), Availability(calendar(42, people)), Weights(), NOW)
    grid = problem.availability.grid

    found = dict(alternatives.best(problem, 9))

    days = [
        {found[kind].cells[step] // grid.width for step in problem.course.steps if step.on_line}
        for kind in (ProposalKind.BEST, ProposalKind.FEWEST_TRIPS)
    ]
    trips = [
        alternatives.trips(problem, found[kind].cells)
        for kind in (ProposalKind.BEST, ProposalKind.FEWEST_TRIPS)
    ]
    assert days[0] == days[1]
    assert trips[0] == 12 and trips[1] <= 9


def test_an_earlier_first_visit_where_the_clinic_does_not_mind_a_late_one():
    people = staff(chairs=1, rooms=0, nurses=1, prescribers=1, therapists=0)
    taken = [(people[0].id, 0, at(day(n), "09:00"), at(day(n), "17:00")) for n in range(12)]
    one = course(2, therapy=False)
    consult = Action("consult", "consult", "Consultation", CALL)
    first = replace(one.actions[0], offset=days_after("consult", 1, 3, 14))
    request = Request(plan(consult, first, *one.actions[1:]), MONDAY)
    late = Weights(first_day=0, preferred_tick=50)
    nurse = next(one.id for one in people if Role.NURSE in one.roles)
    mornings = [
        (nurse, unit, at(day(n), "09:00"), at(day(n), "15:00")) for n in range(5) for unit in range(3)
    ]
    busy = Availability(calendar(42, people, occupied=[*taken, *mornings]))
    problem = PlanningProblem(replace(request, preferred=time(9)), busy, late, NOW)
    width = busy.grid.width

    found = dict(alternatives.best(problem, 9))

    opening = problem.course.opening
    assert (
        found[ProposalKind.BEST].cells[opening] // width
        > found[ProposalKind.FIRST_VISIT].cells[opening] // width
    )


def test_no_alternative_is_only_another_therapist():
    for seed in range(8):
        problem = wide(seed)
        starts = [tuple(sorted(found.cells.values())) for _, found in alternatives.best(problem, 9)]
        assert len(set(starts)) == len(starts)


def test_one_time_of_day_is_found_where_it_is_the_only_one():
    """At 10:00 the chair is free on each day; at any other time on half of the days only."""
    people = staff(chairs=1, rooms=0, nurses=1, prescribers=1, therapists=0)
    windows = [("09:00", "10:00", "11:05", "17:00"), ("09:00", "09:00", "11:05", "11:05")]
    taken = []
    for n in range(28):
        first, until, later, last = windows[n % 2]
        taken += [
            (people[0].id, 0, at(day(n), a), at(day(n), b))
            for a, b in ((first, until), (later, last))
            if a < b
        ]
    request = Request(course(3, (2, 3, 3), therapy=False), MONDAY)
    cheap = Weights(rhythm_change=0, rhythm_tick=0, busy_nurses=0, fragment=0, preferred_tick=10)
    busy = Availability(calendar(28, people, occupied=taken))
    problem = PlanningProblem(replace(request, preferred=time(9)), busy, cheap, NOW)

    found = dict(alternatives.best(problem, 9))

    assert {found[ProposalKind.ONE_TIME].cells[step] % busy.grid.width for step in problem.course.steps} == {
        12
    }


def test_no_search_for_one_time_where_no_time_is_free_on_enough_days():
    people = staff(chairs=1, rooms=0, nurses=1, prescribers=1, therapists=0)
    taken = [
        (
            people[0].id,
            0,
            at(day(n), "09:00" if n % 2 else "10:05"),
            at(day(n), "12:55" if n % 2 else "17:00"),
        )
        for n in range(28)
    ]
    request = Request(course(2, (3, 3, 3), therapy=False), MONDAY)
    problem = PlanningProblem(request, Availability(calendar(28, people, occupied=taken)), Weights(), NOW)

    assert alternatives._at_one_time(problem, 28) is None


def test_therapists_who_could_take_the_sessions_are_a_choice_within_a_proposal():
    people = staff(chairs=2, rooms=1, nurses=1, prescribers=1, therapists=3)
    first, second, third = (one.id for one in people if Role.THERAPIST in one.roles)
    away = [(third, 0, at(day(n), "09:00"), at(day(n), "17:00")) for n in range(28)]
    half = [(second, 0, at(day(n), "09:00"), at(day(n), "17:00")) for n in range(14, 28)]
    busy = Availability(calendar(28, people, occupied=[*away, *half]))

    [proposal] = propose(Request(course(6), MONDAY, count=1), busy, now=NOW)

    chosen, other = proposal.therapists
    assert (chosen.resource_id, chosen.sessions, chosen.of, chosen.chosen) == (first, 6, 6, True)
    assert other.resource_id == second and 0 < other.sessions < 6 and not other.chosen


def test_what_costs_as_much_as_the_bound_is_not_found():
    problem = wide(0)
    best = problem.optimum.best(problem.sets)

    assert problem.optimum.best(problem.sets, below=best.cost) is None
    assert problem.optimum.best(problem.sets, below=best.cost + 1).cost == best.cost
