"""When a place, a person or the clinic is closed on a day, and what is written across that time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scheduler.domain.planner.grid.availability import Availability
from scheduler.domain.windows import Window, subtract
from scheduler.models.schedule import Closure, ClosureKind
from scheduler.services.day import day_load

WORDS = {ClosureKind.CLOSURE: "Closed", ClosureKind.HOLIDAY: "Holiday", ClosureKind.LEAVE: "Away"}


@dataclass(frozen=True)
class Shade:
    """A closed stretch of time; `why` is empty outside the usual hours."""

    window: Window
    why: str = ""


def shades(
    free: Availability, closed: Sequence[Closure], resource_id: int | None, row: int = 0
) -> list[Shade]:
    """Return the closed stretches of one day of the calendar, cut where what closes them changes."""
    found: list[Shade] = []
    resource = free.calendar.resource(resource_id) if resource_id is not None else None
    closes_it = (None, resource_id, resource.site if resource else None)
    for rest in day_load.closed(free, resource_id, row):
        left = [rest]
        for one in closed:
            if one.resource_id not in closes_it:
                continue
            cut = (
                Window(max(one.start_at, rest.start), min(one.end_at, rest.end))
                if _meets(one, rest)
                else None
            )
            if cut:
                parts = subtract([cut], [shade.window for shade in found])
                found += [Shade(part, words(one)) for part in parts]
                left = subtract(left, [cut])
        found += [Shade(part) for part in left]
    return sorted(found, key=lambda shade: shade.window.start)


def words(closure: Closure) -> str:
    """Return what a closure is called on a board. Why a person is away is not everyone's to read."""
    is_private = closure.kind is ClosureKind.LEAVE
    return WORDS[closure.kind] if is_private else closure.reason or WORDS[closure.kind]


def _meets(closure: Closure, window: Window) -> bool:
    return closure.start_at < window.end and closure.end_at > window.start
