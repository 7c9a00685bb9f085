"""Every placement of a tiny course, by trying them all: the slowest and surest check of the planner.

Visits and courses are checked by the validator alone; the planner's start sets and searches are not used.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import combinations, product

from scheduler.domain.planner.validator import check_plan
from scheduler.domain.planner.values import Calendar, Placement, Request, Segment
from scheduler.domain.plans import TICK, Action, Need


def every_start(calendar: Calendar) -> Iterator[datetime]:
    for window in calendar.hours[None]:
        start = window.start
        while start < window.end:
            yield start
            start += TICK


def every_visit(action: Action, start: datetime, calendar: Calendar) -> Iterator[Placement]:
    """Yield the visit with every choice of one resource for each need (no one hands over)."""
    needed: list[tuple[str, Need, datetime, datetime]] = []
    at = start
    for phase in action.phases:
        wanted = [need for need in phase.needs if not need.presence]
        needed += [(phase.name, need, at, at + (need.length or phase.length)) for need in wanted]
        at += phase.length
    pools = [[r for r in calendar.resources if need.role in r.roles] for _, need, _, _ in needed]
    for chosen in product(*pools):
        segments = tuple(
            Segment(resource.id, need.role, phase, begin, end, need.exclusive)
            for resource, (phase, need, begin, end) in zip(chosen, needed, strict=True)
        )
        yield Placement(action.key, start, start + action.length, start + action.attended_length, segments)


def possible(request: Request, calendar: Calendar, now: datetime) -> dict[str, dict[datetime, Placement]]:
    """Return, for each action, the starts at which there are resources for it, with one assignment."""
    found: dict[str, dict[datetime, Placement]] = {}
    for action in request.plan.firm:
        found[action.key] = {}
        for start in every_start(calendar):
            for visit in every_visit(action, start, calendar):
                if not check_plan(request, calendar, [visit], now):
                    found[action.key][start] = visit
                    break
    return found


def every_course(request: Request, calendar: Calendar, now: datetime) -> Iterator[tuple[Placement, ...]]:
    """Yield every complete placement that keeps every rule, for one choice of resources at each start."""
    starts = possible(request, calendar, now)
    keys = [action.key for action in request.plan.firm]
    agree = {
        (one.action, one.start, other.action, other.start)
        for first, second in combinations(keys, 2)
        for one, other in product(starts[first].values(), starts[second].values())
        if not check_plan(request, calendar, [one, other], now)
    }

    def extend(placed: tuple[Placement, ...]) -> Iterator[tuple[Placement, ...]]:
        if len(placed) == len(keys):
            yield placed
            return
        for visit in starts[keys[len(placed)]].values():
            if all((other.action, other.start, visit.action, visit.start) in agree for other in placed):
                yield from extend((*placed, visit))

    yield from extend(())
