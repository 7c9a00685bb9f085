"""Free time as bitsets: who can be asked for what, at each cell of the grid.

Made once from a Calendar and then only read, so one Availability can serve many requests; what depends on a resource
and a length alone is worked out once and kept.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from datetime import datetime, time, timedelta
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from scheduler.domain.localtime import to_local
from scheduler.domain.planner.grid.bitsets import eroded, to_bools
from scheduler.domain.planner.grid.grid import Grid, ceil_tick
from scheduler.domain.planner.grid.workdays import Workdays
from scheduler.domain.planner.values import Calendar, PlannerResource, Taken
from scheduler.domain.plans import Role
from scheduler.domain.windows import Window

__all__ = ["Availability", "Calendar", "Grid"]

Counts = NDArray[np.int32]


class Availability:
    """The bitsets of one calendar.

    `open` are the cells in which the clinic works; `duty[id]` those in which a resource does, busy or not;
    `at_least[id][n]` those in which it has n units free or more (n from 1 to its units, or to 1 if it has none);
    `taken[id][unit]` those in which a unit is taken.
    """

    def __init__(self, calendar: Calendar) -> None:
        self.calendar = calendar
        self.resources = calendar.resources
        opens, closes = open_band(calendar)
        self.grid = Grid(calendar.zone, calendar.first_on, calendar.days, opens, closes)
        self.open = self._hours(None)
        self.duty = {
            resource.id: self._hours(resource.id) & self.open
            if resource.id in calendar.hours
            else self.open & ~self._closed(resource.id)
            for resource in self.resources
        }
        self.taken = self._taken()
        self.at_least = {resource.id: self._levels(resource) for resource in self.resources}
        self.patient_free = self.grid.real & ~self.grid.touched(calendar.patient_busy)
        # Requests in several threads read and fill it without a lock: a second write stores an equal value.
        self._eroded: dict[tuple[int, int, int], int] = {}
        self._nurses: tuple[Counts, Counts] | None = None
        self._before: dict[int, list[int]] = {}

    def _hours(self, resource_id: int | None) -> int:
        open_cells = self.grid.inside(self.calendar.hours.get(resource_id, ()))
        return open_cells & ~self._closed(resource_id)

    def _closed(self, resource_id: int | None) -> int:
        return self.grid.touched(self.calendar.closures.get(resource_id, ()))

    def _taken(self) -> dict[int, Mapping[int, int]]:
        by_unit: dict[int, dict[int, list[Taken]]] = defaultdict(lambda: defaultdict(list))
        for taken in self.calendar.occupied:
            by_unit[taken[0]][taken[1]].append(taken)
        return {
            resource_id: {
                unit: self.grid.touched_between([one[2] for one in rows], [one[3] for one in rows])
                for unit, rows in units.items()
            }
            for resource_id, units in by_unit.items()
        }

    def _levels(self, resource: PlannerResource) -> tuple[int, ...]:
        units = self.taken.get(resource.id, {}).values()
        used = [self.grid.real, *[0] * (max(len(units), resource.units) + 1)]
        for unit in units:  # used[n]: cells in which n units or more are taken
            for n in range(len(used) - 1, 0, -1):
                used[n] |= used[n - 1] & unit
        duty = self.duty[resource.id]
        # n of the units are free where not more than units - n are taken
        free = (duty & ~used[resource.units - n + 1] for n in range(1, resource.units + 1))
        return (duty, *free) if resource.units else (duty, 0)

    def changed(self, calendar: Calendar, added: Iterable[Taken], removed: Iterable[Taken]) -> Availability:
        """Return the same with some allocation more and some less; the calendar is the new one, otherwise equal."""
        touched: dict[int, dict[int, int]] = {}
        for resource_id, unit, start, end in removed:
            units = touched.setdefault(resource_id, dict(self.taken.get(resource_id, {})))
            # only cells that are wholly in the window: a cell it shares stays taken
            units[unit] = units.get(unit, 0) & ~self.grid.inside((Window(start, end),))
        for resource_id, unit, start, end in added:
            units = touched.setdefault(resource_id, dict(self.taken.get(resource_id, {})))
            units[unit] = units.get(unit, 0) | self.grid.touched_between((start,), (end,))
        return self.with_taken(calendar, touched)

    def with_taken(self, calendar: Calendar, touched: Mapping[int, Mapping[int, int]]) -> Availability:
        """Return the same for an equal calendar; `touched` are the cells in which units of some resources are taken."""
        after = copy(self)
        after.calendar = calendar
        after.patient_free = self.grid.real & ~self.grid.touched(calendar.patient_busy)
        if touched:
            after.taken = {**self.taken, **touched}
            levels = {r.id: after._levels(r) for r in self.resources if r.id in touched}
            after.at_least = {**self.at_least, **levels}
            after._eroded = {key: cells for key, cells in self._eroded.items() if key[0] not in touched}
            after._nurses = None
            after._before = {key: rows for key, rows in self._before.items() if key not in touched}
        return after

    def plus(self, resource: PlannerResource, cells: int) -> Availability:
        """Return the same with one more resource, on duty and free in these cells of the clinic's hours."""
        more = copy(self)
        duty = cells & self.open
        more.resources = (*self.resources, resource)
        more.duty = {**self.duty, resource.id: duty}
        more.at_least = {**self.at_least, resource.id: (duty,) * (resource.units + 1)}
        more._eroded = {}
        more._nurses = None
        return more

    def forget(self) -> None:
        """Drop what was worked out and kept, so that a benchmark measures all of the work."""
        self._eroded.clear()
        self._nurses = None
        self._before.clear()

    def free(self, resource_id: int, units: int) -> int:
        """Return the cells in which a resource has so many units free."""
        levels = self.at_least[resource_id]
        return levels[units] if units < len(levels) else 0

    def free_for(self, resource_id: int, length: int, exclusive: bool) -> int:
        """Return the cells from which one unit (or, exclusively, every unit) stays free for `length` cells."""
        levels = self.at_least[resource_id]
        level = len(levels) - 1 if exclusive else 1
        key = (resource_id, level, length)
        known = self._eroded.get(key)
        if known is None:
            known = self._eroded[key] = eroded(levels[level], length)
        return known

    def taken_before(self, resource_id: int) -> list[int]:
        """Return, for each row and the end, how many cells of a resource's units are taken in the rows before it."""
        known = self._before.get(resource_id)
        if known is None:
            by_row = np.zeros(self.grid.days + 1, np.int64)
            for cells in self.taken.get(resource_id, {}).values():
                by_row[1:] += np.count_nonzero(self._rows(cells), axis=1)
            known = self._before[resource_id] = np.cumsum(by_row).tolist()
        return known

    @property
    def nurses(self) -> tuple[Counts, Counts]:
        """How many nurses have no unit free, and how many are on duty: for each row, sums over the cells before."""
        if self._nurses is None:
            nurses = [nurse.id for nurse in self.pool(Role.NURSE)]
            busy = self._sums([self.duty[one] & ~self.at_least[one][1] for one in nurses])
            self._nurses = busy, self._sums([self.duty[one] for one in nurses])
        return self._nurses

    def _sums(self, sets: Sequence[int]) -> Counts:
        """Return in how many of these sets the cells of a row are, as sums over the cells before each."""
        counts = np.zeros((self.grid.days, self.grid.width + 1), np.int32)
        # equal sets are unpacked once: many work whenever the clinic is open
        for cells, number in Counter(sets).items():
            counts[:, 1:] += self._rows(cells) * np.int32(number)
        np.cumsum(counts, axis=1, out=counts)
        return counts

    def _rows(self, cells: int) -> NDArray[np.bool_]:
        return to_bools(cells, self.grid.size).reshape(self.grid.days, self.grid.width)

    def pool(
        self, role: Role, capabilities: frozenset[str] = frozenset(), site: int | None = None
    ) -> tuple[PlannerResource, ...]:
        """Return the resources with this role and all these capabilities, at this site (None: at any)."""
        return tuple(
            r
            for r in self.resources
            if role in r.roles
            and capabilities <= r.capabilities
            and (site is None or r.site is None or r.site == site)
        )

    @cached_property
    def working(self) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """For each row, on how many days up to and including it the clinic works."""
        return np.cumsum(self._rows(self.open).any(axis=1), dtype=np.int64)

    @cached_property
    def workdays(self) -> Workdays:
        """On which dates the clinic works, beyond the calendar too."""
        return Workdays(self.calendar)

    def first_cell(self, now: datetime) -> int:
        """Return the first cell that starts at or after `now` and the clinic's notice."""
        return int(np.searchsorted(self.grid.utc, ceil_tick(now + self.calendar.notice)))


def open_band(calendar: Calendar) -> tuple[time, time]:
    """Return the earliest opening and the latest closing, in wall-clock time (00:00 as an end is midnight)."""
    windows: Sequence[Window] = calendar.hours.get(None, ())
    if not windows:
        return time.min, time.min
    opens, closes = time.max, time.min
    for window in windows:
        start, end = to_local(window.start, calendar.zone), to_local(window.end, calendar.zone)
        if end - timedelta(microseconds=1) >= datetime.combine(start.date() + timedelta(days=1), time.min):
            return time.min, time.min
        if end.date() > start.date():
            end = end.replace(hour=23, minute=59, second=59)
        opens, closes = min(opens, start.time()), max(closes, end.time())
    return opens, closes if closes < time(23, 55) else time.min
