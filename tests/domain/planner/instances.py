"""Random courses on random calendars, for oracles: a seed gives the same instance for ever."""

from __future__ import annotations

from datetime import time
from random import Random

from scheduler.domain.planner import Availability, Weights
from scheduler.domain.planner.search.problem import PlanningProblem
from scheduler.domain.planner.values import Request
from scheduler.domain.plans import Role
from tests.domain.planner.clinics import (
    MONDAY,
    NOW,
    THERAPY,
    calendar,
    course,
    need,
    phase,
    random_calendar,
    staff,
)

SHORT = (
    phase("set-up", 10, Role.CHAIR, need(Role.NURSE, exclusive=True)),
    phase("infusion", 15, Role.CHAIR, Role.NURSE, need(Role.PRESCRIBER, presence=True)),
    phase("turnover", 5, Role.CHAIR, attended=False),
)


def instance(seed: int) -> PlanningProblem:
    """Return a small problem; about a third of them have no solution."""
    rng = Random(seed)
    people = staff(rng.randint(1, 2), 1, rng.randint(1, 2), 1, rng.randint(1, 3))
    days = rng.randint(6, 12)
    empty = calendar(days, people, opens="09:00", closes=rng.choice(["10:30", "11:00"]))
    load = rng.choice([0.0, 0.2, 0.35, 0.5])
    busy = random_calendar(rng, days, load, people, hours=empty.hours)
    plan = course(
        rng.randint(1, 3),
        rng.choice([(1, 2, 3), (2, 3, 4), (1, 1, 2), (0, 2, 4)]),
        rng.random() < 0.7,
        rng.random() < 0.5,
        rng.choice([SHORT, THERAPY]),
    )
    weekdays = frozenset({1, 2, 4, 5}) if rng.random() < 0.3 else frozenset()
    request = Request(plan, MONDAY, weekdays=weekdays, preferred=time(10) if rng.random() < 0.3 else None)
    return PlanningProblem(request, Availability(busy), Weights(), NOW)
