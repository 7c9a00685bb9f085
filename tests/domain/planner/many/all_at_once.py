"""An oracle for small closures: one CP-SAT model of all courses, written from the calendar and the plan alone.

Every visit chooses a start and, for each kind of place or person that it needs, one that is free; no two use one at a
time. It knows plans whose visits have one phase, and hard gaps in days: what is bent is not modeled.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import product

from ortools.sat.python import cp_model

from scheduler.domain.localtime import local_on
from scheduler.domain.planner.many.values import AffectedCourse
from scheduler.domain.planner.values import Calendar, Placement, Taken
from scheduler.domain.plans import TICK, Action, Role

PRICES = {"unplaced": 10**6, "kept_moved": 10**4, "moved": 100, "retimed": 1}


def fewest(
    courses: Sequence[AffectedCourse], calendar: Calendar, taken: Sequence[Taken], now: datetime
) -> tuple[int, int, int, int]:
    """Return how many courses stay unplaced, how many visits to keep, and how many others, are moved, and how many
    displaced ones get another time; the first counts most. `taken` is what all other patients use."""
    model = cp_model.CpModel()
    uses: dict[tuple[int, datetime], list[cp_model.IntVar]] = defaultdict(list)
    counted: dict[str, list[cp_model.IntVar]] = {name: [] for name in PRICES}
    for course in courses:
        placed = model.new_bool_var(f"placed {course.key}")
        counted["unplaced"].append(1 - placed)
        starts: dict[str, dict[datetime, cp_model.IntVar]] = {}
        for action in course.request.plan.firm:
            options = dict(_options(model, course, action, calendar, taken, now, uses))
            starts[action.key] = options
            model.add(sum(options.values()) == placed)
        for action in course.request.plan.firm:
            _gap(model, action, starts, calendar)
            _order(model, action, course, starts)
            own = course.current[action.key].start
            if action.key in course.displaced:
                name = "retimed"
            else:
                name = "kept_moved" if action.key in course.keep else "moved"
            stays = starts[action.key].get(own, 0)
            changed = model.new_bool_var(f"{course.key} {action.key} changes")
            model.add(changed == placed - stays)
            counted[name].append(changed)
        for action in course.request.plan.firm:  # without a place, what is not displaced stays where it is
            if action.key not in course.displaced:
                _use(uses, course.current[action.key], 1 - placed)
    for users in uses.values():
        model.add(sum(users) <= 1)
    model.minimize(sum(price * sum(counted[name]) for name, price in PRICES.items()))
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.max_time_in_seconds = 120
    assert solver.solve(model) == cp_model.OPTIMAL
    return tuple(sum(int(solver.value(one)) for one in counted[name]) for name in PRICES)  # type: ignore[return-value]


def _options(
    model: cp_model.CpModel,
    course: AffectedCourse,
    action: Action,
    calendar: Calendar,
    taken: Sequence[Taken],
    now: datetime,
    uses: dict[tuple[int, datetime], list[cp_model.IntVar]],
) -> Iterator[tuple[datetime, cp_model.IntVar]]:
    """Yield each possible start with its variable: one of the ways to give out places and people is chosen with it."""
    [phase] = action.phases
    for start in _free_starts(action, calendar, now):
        chosen = model.new_bool_var(f"{course.key} {action.key} {start:%d %H:%M}")
        ways = []
        pools = [_free(need.role, start, start + phase.length, calendar, taken) for need in phase.needs]
        for people in product(*pools):
            way = model.new_bool_var("")
            ways.append(way)
            for person in people:
                for at in _ticks(start, start + phase.length):
                    uses[person, at].append(way)
        if ways:
            model.add(sum(ways) == chosen)
            yield start, chosen


def _free_starts(action: Action, calendar: Calendar, now: datetime) -> Iterator[datetime]:
    closed = calendar.closures.get(None, ())
    for opening in calendar.hours[None]:
        start = opening.start
        while start + action.length <= opening.end:
            end = start + action.length
            if start >= now and not any(one.start < end and start < one.end for one in closed):
                yield start
            start += TICK


def _free(
    role: Role, start: datetime, end: datetime, calendar: Calendar, taken: Sequence[Taken]
) -> list[int]:
    busy = {one[0] for one in taken if one[2] < end and start < one[3]}
    return [one.id for one in calendar.resources if role in one.roles and one.id not in busy]


def _gap(
    model: cp_model.CpModel,
    action: Action,
    starts: dict[str, dict[datetime, cp_model.IntVar]],
    calendar: Calendar,
) -> None:
    """Forbid each pair of starts that is outside the gap."""
    offset = action.offset
    if offset is None:
        return
    for before, first in starts[offset.after].items():
        fits = [
            then
            for after, then in starts[action.key].items()
            if offset.min
            <= (local_on(after, calendar.zone) - local_on(before, calendar.zone)).days
            <= offset.max
            and after >= before + action.length
        ]
        model.add(sum(fits) >= 1).only_enforce_if(first)


def _order(
    model: cp_model.CpModel,
    action: Action,
    course: AffectedCourse,
    starts: dict[str, dict[datetime, cp_model.IntVar]],
) -> None:
    """Let a patient be in one place at a time."""
    keys = [one.key for one in course.request.plan.firm]
    for other in keys[: keys.index(action.key)]:
        for at, one in starts[action.key].items():
            length = course.request.plan.action(other).length
            clash = [v for s, v in starts[other].items() if s < at + action.length and at < s + length]
            if clash:
                model.add(sum(clash) == 0).only_enforce_if(one)


def _use(
    uses: dict[tuple[int, datetime], list[cp_model.IntVar]], visit: Placement, used: cp_model.IntVar
) -> None:
    for segment in visit.segments:
        for at in _ticks(segment.start, segment.end):
            uses[segment.resource_id, at].append(used)


def _ticks(start: datetime, end: datetime) -> Iterator[datetime]:
    while start < end:
        yield start
        start += timedelta(minutes=5)
