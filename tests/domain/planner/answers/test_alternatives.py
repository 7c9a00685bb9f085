"""Alternatives share work and stop early; each must be the plan that a search of its own would find."""

from random import Random

import pytest

from scheduler.domain.planner import Availability, Weights
from scheduler.domain.planner.answers import alternatives
from scheduler.domain.planner.search.problem import PlanningProblem
from scheduler.domain.planner.values import Request
from tests.domain.planner.clinics import MONDAY, NOW, course, random_calendar, staff
from tests.domain.planner.instances import instance

THREE = 3


def alone(problem):
    """Return the costs of the alternatives, each searched to its end on a problem of its own."""
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

    def with_kinds_of(base, found, number):
        kinds = alternatives._kinds(problem, base)
        others = [solution for kind in kinds if (solution := searched(*kind))]
        return alternatives._different(problem, found, others, number)

    first = problem.optimum.best(problem.sets)
    found = with_kinds_of(first, [first], THREE)
    if 1 < len(found) < THREE:
        found = with_kinds_of(found[-1], found, len(found) + 1)
    return [solution.cost for solution in found]


def wide(seed):
    """Return a course of three infusions in twelve busy weeks, with four therapists to choose from."""
    people = staff(chairs=3, rooms=2, nurses=2, prescribers=2, therapists=4)
    busy = random_calendar(Random(seed), 84, 0.5, people)
    return PlanningProblem(Request(course(3), MONDAY), Availability(busy), Weights(), NOW)


@pytest.mark.parametrize(("make", "seeds"), [(instance, range(30)), (wide, range(8))])
def test_sharing_and_stopping_early_change_no_alternative(make, seeds):
    compared = 0
    for seed in seeds:
        found = alternatives.best(make(seed), THREE)
        if found:
            compared += len(found) > 1
            assert [solution.cost for solution in found] == alone(make(seed)), seed
    assert compared


def test_what_costs_as_much_as_the_bound_is_not_found():
    problem = wide(0)
    best = problem.optimum.best(problem.sets)

    assert problem.optimum.best(problem.sets, below=best.cost) is None
    assert problem.optimum.best(problem.sets, below=best.cost + 1).cost == best.cost
