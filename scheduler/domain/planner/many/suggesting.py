"""What would give a place to a course that has none, beyond what the search may bend; each is solved first.

In this order: a visit that a person chose to keep, a date on which the patient is away, a longer wait than the search
may ask for, and if none of these helps, more of the staff that is missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice

from scheduler.domain.planner.answers.words import counted, label, listed
from scheduler.domain.planner.grid.availability import Availability
from scheduler.domain.planner.many.insertion import (
    BentRequest,
    plan_of,
    soft_gaps,
    wishes_bent,
    with_longer,
)
from scheduler.domain.planner.many.values import AffectedCourse, Bend, CoursePlan, CourseSuggestion
from scheduler.domain.planner.values import PlannerResource, Reason, Weights
from scheduler.domain.plans import Role

MOST = 3
MOST_DAYS = 14  # by which a gap is longer
NOON = 12 * 12  # ticks of the day
ANOTHER = -1  # the id of a resource that does not exist
GIVEN_UP = {Bend.PERSON: "any therapist", Bend.WEEKDAY: "any weekday", Bend.HOURS: "any time of day"}


@dataclass(frozen=True)
class _Asking:
    """A course without a place, on the calendar as all other plans leave it."""

    course: AffectedCourse
    availability: Availability
    weights: Weights
    now: datetime

    def plan(self, asked: BentRequest) -> CoursePlan | None:
        return plan_of(self.course, asked, self.availability, self.weights, self.now)


def suggestions(
    course: AffectedCourse,
    availability: Availability,
    weights: Weights,
    now: datetime,
    reasons: tuple[Reason, ...],
) -> tuple[CourseSuggestion, ...]:
    """Return up to three changes that give the course a place."""
    asking = _Asking(course, availability, weights, now)
    found = list(islice(_of_patient(asking), MOST))
    return tuple(found or islice(_more_staff(asking, reasons), MOST))


def _of_patient(asking: _Asking) -> Iterator[CourseSuggestion]:
    yield from _unpinned(asking)
    yield from _dates(asking)
    yield from _waits(asking)


def _unpinned(asking: _Asking) -> Iterator[CourseSuggestion]:
    request = asking.course.request
    for key in request.pinned:
        rest = {other: start for other, start in request.pinned.items() if other != key}
        if plan := asking.plan(BentRequest(replace(request, pinned=rest))):
            yield CourseSuggestion(f"Move {label(request.plan.action(key)).lower()}, which was kept", plan)


def _dates(asking: _Asking) -> Iterator[CourseSuggestion]:
    request, grid = asking.course.request, asking.availability.grid
    for on in sorted(request.blocked_on):
        if not 0 <= grid.row_of(on) < grid.days:
            continue
        asked = BentRequest(replace(request, blocked_on=request.blocked_on - {on}), (Bend.DATE,))
        if plan := asking.plan(asked):
            day = asking.availability.calendar.formats.day(on)
            yield CourseSuggestion(f"If the patient can come on {day} after all", plan)


def _waits(asking: _Asking) -> Iterator[CourseSuggestion]:
    """Yield the shortest wait that helps, with all that the patient wishes and then with as little of it given up."""
    keys = soft_gaps(asking.course)
    if not keys:
        return
    for asked in sorted(wishes_bent(asking.course.request), key=lambda one: one.price):
        if asking.plan(with_longer(asked, tuple(keys), MOST_DAYS)) is None:
            continue
        yield _shortest_wait(asking, asked, keys)
        return


def _shortest_wait(asking: _Asking, asked: BentRequest, keys: list[str]) -> CourseSuggestion:
    """Return the wait that is longer by the fewest days: before one visit, else before all that follow another."""
    after: dict[str, list[str]] = {}
    for key in keys:
        offset = asking.course.request.plan.action(key).offset
        after.setdefault(offset.after if offset else "", []).append(key)
    ways = [(key,) for key in keys] + [tuple(some) for some in after.values() if len(some) > 1]
    every = tuple(keys)
    for days in range(1, MOST_DAYS + 1):
        if asking.plan(with_longer(asked, every, days)) is None:
            continue
        plans = (asking.plan(with_longer(asked, way, days)) for way in ways)
        plan = next((one for one in plans if one), None) or asking.plan(
            with_longer(asked, _needed(asking, asked, every, days), days)
        )
        if plan is not None:
            return CourseSuggestion(_words(asking.course, plan, days), plan)
    raise AssertionError("the longest wait was solved before")


def _needed(asking: _Asking, asked: BentRequest, keys: tuple[str, ...], days: int) -> tuple[str, ...]:
    """Return those of these gaps that must be longer: each is left out that the others do without."""
    for key in keys:
        rest = tuple(other for other in keys if other != key)
        if rest and asking.plan(with_longer(asked, rest, days)):
            keys = rest
    return keys


def _words(course: AffectedCourse, plan: CoursePlan, days: int) -> str:
    names = listed([label(course.request.plan.action(key)).lower() for key in plan.bent_gaps])
    given_up = [GIVEN_UP[bend] for bend in plan.bent if bend in GIVEN_UP]
    wait = f"up to {counted(days, 'day')} more before {names} than the protocol allows"
    words = listed([*given_up, wait])
    return words[0].upper() + words[1:]


def _more_staff(asking: _Asking, reasons: tuple[Reason, ...]) -> Iterator[CourseSuggestion]:
    """Yield the half-days of a week on which one more of the missing role makes room."""
    grid, name = asking.availability.grid, asking.availability.calendar.formats.weekday
    noon = NOON - grid.low
    halves = (("morning", grid.band(0, noon)), ("afternoon", grid.band(noon, grid.width)))
    for role in dict.fromkeys(Role(reason.resource) for reason in reasons if reason.resource):
        if not _fits_with(asking, role, grid.real):
            continue
        enough = False
        for weekday in range(1, 8):
            for words, half in halves:
                if _fits_with(asking, role, grid.days_in(frozenset({weekday})) & half):
                    enough = True
                    yield CourseSuggestion(f"One more {role.value} every {name(weekday)} {words}")
        if not enough:
            yield CourseSuggestion(f"One more {role.value} on all days")


def _fits_with(asking: _Asking, role: Role, cells: int) -> bool:
    """Tell whether the course fits with one more resource of this role, at work in these cells."""
    pool = asking.availability.pool(role)
    capabilities = frozenset().union(*(one.capabilities for one in pool))
    units = max([1, *(one.units for one in pool)])
    more = PlannerResource(ANOTHER, f"another {role.value}", frozenset({role}), units, capabilities)
    wider = replace(asking, availability=asking.availability.plus(more, cells))
    return wider.plan(BentRequest(asking.course.request)) is not None
