"""The search looks at a few days first; that must not change what it finds."""

from random import Random

import pytest

from scheduler.domain.planner import Availability, Weights
from scheduler.domain.planner.search import horizon
from scheduler.domain.planner.search.problem import PlanningProblem
from scheduler.domain.planner.values import Request
from tests.domain.planner.clinics import MONDAY, NOW, course, random_calendar, staff
from tests.domain.planner.instances import instance


def wide(seed):
    """Return a course in twelve weeks in which finishing early matters less, or not at all."""
    people = staff(chairs=2, rooms=1, nurses=2, prescribers=1, therapists=2)
    busy = random_calendar(Random(seed), 84, 0.7, people)
    weights = Weights(completion_day=(0, 5, 40)[seed % 3])
    return PlanningProblem(Request(course(2), MONDAY), Availability(busy), weights, NOW)


@pytest.mark.parametrize(("make", "seeds"), [(instance, range(40)), (wide, range(9))])
def test_looking_at_a_few_days_first_changes_no_answer(monkeypatch, make, seeds):
    costs = []
    for days, slack in ((365, 365), (0, 1)):
        monkeypatch.setattr(horizon, "FIRST_DAYS", days)
        monkeypatch.setattr(horizon, "FIRST_SLACK", slack)
        found = [(problem := make(seed)).optimum.best(problem.sets) for seed in seeds]
        costs.append([solution and solution.cost for solution in found])

    assert costs[0] == costs[1]
    assert any(costs[0])
