"""Clinics with booked courses of which one day is closed: a seed gives the same instance for ever."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, time, timedelta
from random import Random

from scheduler.domain.planner import Availability, Weights, propose
from scheduler.domain.planner.many.occupation import Occupation
from scheduler.domain.planner.many.values import AffectedCourse
from scheduler.domain.planner.values import Calendar, NoFit, Placement, PlannerResource, Request
from scheduler.domain.plans import Plan
from scheduler.domain.windows import Window
from tests.domain.planner.clinics import MONDAY, NOW, at, calendar, course, day, staff

PATTERNS = [frozenset({1, 4}), frozenset({2, 5}), frozenset({1, 3, 5}), frozenset({1, 2, 4, 5})]


@dataclass(frozen=True)
class Closure:
    """The courses that are affected, on the calendar on which the day is closed and every visit is taken."""

    courses: tuple[AffectedCourse, ...]
    availability: Availability
    weights: Weights
    booked: int  # courses, affected or not


def closure(
    seed: int,
    patients: int,
    people: tuple[PlannerResource, ...] | None = None,
    plan: Plan | None = None,
    days: int = 84,
    closed: date | None = None,
    weights: Weights | None = None,
    wishes: float = 0.4,
    opens: tuple[str, str] = ("08:00", "18:00"),
    first_days: int = 14,
) -> Closure:
    """Book patients one after the other, each with the best course that there is, and close a day.

    A share of them `wishes` for weekdays, half as many for hours, a fifth confirms everything.
    """
    rng = Random(seed)
    people = people or staff(20, 6, 8, 2, 8)
    plan = plan or course(6, (2, 3, 4), therapy=True)
    weights = weights or Weights()
    free = calendar(days, people, opens=opens[0], closes=opens[1])
    occupation = Occupation(Availability(free), {})
    requests: list[Request] = []
    for key in range(patients):
        request = replace(_request(rng, plan, wishes), not_before=day(rng.randrange(first_days)))
        try:
            proposal = propose(request, occupation.availability, weights, now=NOW)[0]
        except NoFit:
            requests.append(request)
            continue
        occupation.occupy(key, proposal.visits)
        requests.append(request)
    closed = closed or day(14)
    shut = Window(at(closed, "00:00"), at(closed + timedelta(days=1), "00:00"))
    after = closed_on(free, [shut], occupation)
    affected = [
        _affected(key, replace(requests[key], not_before=MONDAY), visits, shut, rng)
        for key, visits in sorted(occupation.held.items())
        if any(_meets(visit, shut) for visit in visits)
    ]
    return Closure(tuple(affected), after, weights, len(occupation.held))


def closed_on(free: Calendar, windows: Sequence[Window], occupation: Occupation) -> Availability:
    """Return a calendar with the clinic closed, on which the visits that are held are taken."""
    again = Occupation(Availability(replace(free, closures={None: windows})), {})
    for key, visits in occupation.held.items():
        assert again.occupy(key, visits)
    return again.availability


def _request(rng: Random, plan: Plan, wishes: float) -> Request:
    weekdays = rng.choice(PATTERNS) if rng.random() < wishes else frozenset()
    morning = rng.random() < 0.5
    hours = {"latest": time(13)} if morning else {"earliest": time(12)}
    return Request(plan, MONDAY, weekdays=weekdays, count=1, **(hours if rng.random() < wishes / 2 else {}))


def _meets(visit: Placement, shut: Window) -> bool:
    return visit.start < shut.end and shut.start < visit.end


def _affected(
    key: int, request: Request, visits: Sequence[Placement], shut: Window, rng: Random
) -> AffectedCourse:
    current = {visit.action: visit for visit in visits}
    displaced = frozenset(visit.action for visit in visits if _meets(visit, shut))
    keep = frozenset(current) - displaced if rng.random() < 0.2 else frozenset()
    return AffectedCourse(key, key, request, current, displaced, keep)
