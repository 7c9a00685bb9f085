"""How full a day is, hour by hour, and when each resource is unavailable.

Counted from the planner's own availability, so the strip says what the planner sees.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta

import numpy as np
from numpy.typing import NDArray

from scheduler.domain.planner.grid.availability import Availability
from scheduler.domain.planner.grid.bitsets import to_bools
from scheduler.domain.plans import TICK, Role
from scheduler.domain.windows import Window
from scheduler.models.site import Site

Counts = NDArray[np.int64]
TICKS_AN_HOUR = timedelta(hours=1) // TICK


@dataclass(frozen=True)
class HourLoad:
    """The fullest five minutes of an hour: chairs taken of those in use, nurse units taken of those on duty."""

    start: datetime
    wall: time
    chairs_used: int
    chairs: int
    units_used: int
    units: int

    @property
    def share(self) -> int:
        """The fuller of the two, in per cent."""
        parts = [(self.chairs_used, self.chairs), (self.units_used, self.units)]
        return max((100 * used // of for used, of in parts if of), default=0)


def hours(availability: Availability, row: int = 0, site: Site | None = None) -> list[HourLoad]:
    """Return the load of each hour in the open band of one day; of a site's chairs, where one is given."""
    at_site = site.resource_id if site else None
    chairs = [r.id for r in availability.pool(Role.CHAIR, site=at_site)]
    nurses = [r.id for r in availability.resources if Role.NURSE in r.roles]
    chairs_used, chairs_there = _counted(availability, chairs)
    units_used, units_there = _counted(availability, nurses)
    grid = availability.grid
    first = row * grid.width
    found = []
    for tick in range(0, grid.width - 1, TICKS_AN_HOUR):
        cells = slice(first + tick, first + min(tick + TICKS_AN_HOUR, grid.width - 1))
        found.append(
            HourLoad(
                grid.instant(first + tick),
                grid.wall(first + tick),
                int(chairs_used[cells].max()),
                int(chairs_there[cells].max()),
                int(units_used[cells].max()),
                int(units_there[cells].max()),
            )
        )
    return found


def closed(availability: Availability, resource_id: int | None, row: int = 0) -> list[Window]:
    """Return the stretches of one day's open band in which a resource (None: the clinic) does not work."""
    grid = availability.grid
    duty = availability.open if resource_id is None else availability.duty.get(resource_id, 0)
    first = row * grid.width
    cells = duty >> first & ((1 << grid.width - 1) - 1)
    return [
        Window(grid.instant(first + start), grid.instant(first + end - 1) + TICK)
        for start, end in _gaps(cells, grid.width - 1)
    ]


def _counted(availability: Availability, resource_ids: list[int]) -> tuple[Counts, Counts]:
    """Return by cell how many units are taken, and how many there are."""
    size = availability.grid.size
    there, free = np.zeros(size, np.int64), np.zeros(size, np.int64)
    for resource_id in resource_ids:
        duty, *levels = availability.at_least[resource_id]
        there += to_bools(duty, size).astype(np.int64) * len(levels)
        for level in levels:
            free += to_bools(level, size)
    return there - free, there


def _gaps(cells: int, width: int) -> Iterator[tuple[int, int]]:
    """Yield the runs of cells that are not in the set, as [start, end)."""
    start = None
    for cell in range(width + 1):
        out = cell < width and not cells >> cell & 1
        if out and start is None:
            start = cell
        if not out and start is not None:
            yield start, cell
            start = None
