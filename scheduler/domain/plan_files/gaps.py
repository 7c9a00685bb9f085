"""Rules on the gaps of a plan file: in order, from one first visit on, and possible.

Whether a gap is possible is judged without a calendar: a day's gap is anything that two times of day can make
of it, and working days have no upper end. What is refused here cannot be kept in any clinic.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from math import inf
from typing import Any

from scheduler.domain.plan_files.fault import Fault, Path
from scheduler.domain.plan_files.order import circles, follows
from scheduler.domain.plan_files.series import Fields, SourcedAction
from scheduler.domain.plans import Unit

DAY = 24.0


def limit_faults(document: Fields) -> Iterator[Fault]:
    """Return the gaps whose three numbers are not in order."""
    for path, gap in _gaps_of(document):
        for unit in Unit:
            if unit.value in gap and sorted(gap[unit.value]) != gap[unit.value]:
                yield Fault((*path, unit.value), "must be [min, target, max] with min <= target <= max")


def tree_faults(steps: Sequence[SourcedAction]) -> Iterator[Fault]:
    """Return circles, and actions that depend on nothing."""
    by_key = {step.key: step for step in steps}
    for circle in circles(steps):
        yield Fault(by_key[circle[0]].path, f"the gaps form a cycle: {' -> '.join(circle)}")
    starting = [step for step in steps if follows(step) is None]
    for step in starting[1:]:
        yield Fault(
            step.path, f"{step.key} must come after an earlier visit, as {starting[0].key} starts the course"
        )


def possible_faults(steps: Sequence[SourcedAction]) -> Iterator[Fault]:
    """Return what no calendar can keep. The steps form a tree."""
    by_key = {step.key: step.action for step in steps}
    for step in steps:
        after = step.action.get("after")
        if after is not None:
            yield from _after_faults(step, by_key[after["action"]], after)
        if "before" in step.action:
            yield from _before_faults(step, by_key)


def _after_faults(step: SourcedAction, earlier: Fields, after: Fields) -> Iterator[Fault]:
    if earlier.get("proposed") and not step.action.get("proposed"):
        yield Fault(
            step.path, f"{step.key} is booked but comes after {earlier['key']}, which is only proposed"
        )
    if _most(after, earlier) < _attended_hours(earlier):
        yield Fault(step.path, f"{step.key} would have to start before {earlier['key']} has ended")


def _before_faults(step: SourcedAction, by_key: Mapping[str, Fields]) -> Iterator[Fault]:
    later = by_key[step.action["before"]]
    way, later_way = _way(step.action, by_key), _way(later, by_key)
    if later["key"] in way:
        yield Fault(
            step.path, f"{step.key} cannot come before {later['key']}, which is earlier in the course"
        )
    elif later.get("proposed") and not step.action.get("proposed"):
        yield Fault(
            step.path, f"{step.key} is booked but comes before {later['key']}, which is only proposed"
        )
    else:
        shared = next(key for key in later_way if key in way)
        earliest = sum(_least(by_key[key]["after"], by_key) for key in way[: way.index(shared)])
        latest = sum(_most(by_key[key]["after"], by_key[follow]) for key, follow in _links(later_way, shared))
        if earliest + _attended_hours(step.action) > latest:
            yield Fault(
                step.path, f"{step.key} can never end before {later['key']} starts; their gaps leave no room"
            )


def _way(action: Fields, by_key: Mapping[str, Fields]) -> list[str]:
    """Return the keys from an action back to the first, itself included."""
    way = [action["key"]]
    while (after := by_key[way[-1]].get("after")) is not None:
        way.append(after["action"])
    return way


def _links(way: list[str], end: str) -> list[tuple[str, str]]:
    steps = way[: way.index(end) + 1]
    return list(pairwise(steps))


def _least(after: Fields, by_key: Mapping[str, Fields]) -> float:
    """Return the fewest hours from the start of the earlier visit to that of the later."""
    earlier = by_key[after["action"]]
    length = _attended_hours(earlier)
    if "hours" in after:
        return max(length, float(after["hours"][0]) + (length if after.get("from") == "end" else 0.0))
    days: int = after["days" if "days" in after else "working_days"][0]
    return max(length, (days - 1) * DAY)


def _most(after: Fields, earlier: Fields) -> float:
    if "hours" in after:
        return float(after["hours"][2]) + (_hours(earlier) if after.get("from") == "end" else 0.0)
    if "working_days" in after:
        return inf
    days: int = after["days"][2]
    return (days + 1) * DAY


def _hours(action: Fields) -> float:
    minutes: int = sum(phase["minutes"] for phase in action["phases"])
    return minutes / 60


def _attended_hours(action: Fields) -> float:
    minutes: int = sum(phase["minutes"] for phase in action["phases"] if phase.get("attended", True))
    return minutes / 60


def _gaps_of(document: Fields) -> Iterator[tuple[Path, dict[str, Any]]]:
    for index, entry in enumerate(document["actions"]):
        path: Path = ("actions", index)
        if "after" in entry:
            yield (*path, "after"), entry["after"]
        if "after" in entry.get("first", {}):
            yield (*path, "first", "after"), entry["first"]["after"]
        gap = entry.get("gap", [])
        if isinstance(gap, list):
            yield from (((*path, "gap", number), each) for number, each in enumerate(gap))
        else:
            yield (*path, "gap"), gap
        for number, companion in enumerate(entry.get("with_each", ())):
            yield (*path, "with_each", number, "gap"), companion["gap"]
