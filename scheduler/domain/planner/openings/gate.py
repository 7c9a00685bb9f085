"""The quick test: of many who wait, those who could come within an opened time, and the starts at which they could.

One comparison of all records with all starts of the opening, then the companions of those that are left. Nobody who
can be planned is refused. Some that are not refused cannot be planned: what a visit further along the course would
need, and which of the patient's own times the others use, is left to the planner.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from scheduler.domain.localtime import local_on
from scheduler.domain.planner.grid.availability import Availability
from scheduler.domain.planner.grid.bitsets import to_bools
from scheduler.domain.planner.grid.gaps import HOUR_TICKS, Cells, Gap, GapRanges, working_number
from scheduler.domain.planner.grid.grid import TICK_SECONDS, ceil_tick, floor_tick, seconds, ticks
from scheduler.domain.planner.grid.remembered import remembered
from scheduler.domain.planner.grid.starts import Starts
from scheduler.domain.planner.openings.waiting import Companion, StartWishes, Waiting
from scheduler.domain.plans import Action, Edge, Offset, Phase, Unit
from scheduler.domain.windows import Window

Bools = NDArray[np.bool_]
NEVER, ALWAYS = -(1 << 40), 1 << 40  # in ticks or days
EVERY_WEEKDAY = 0b11111110  # bit n is ISO weekday n
Shape = tuple[tuple[Phase, ...], int | None]  # the phases, and the site


@dataclass(frozen=True)
class Chance:
    """One who waits, and the starts that are left, in order. At least `moves` other visits would move too."""

    waiting: Waiting
    starts: tuple[datetime, ...]
    moves: int


class Gate:
    """The records of all who wait, to be compared with one opened time after the other.

    On the `availability` everything that is booked is taken, and the opened times are free.
    """

    def __init__(self, waiting: Sequence[Waiting], availability: Availability, now: datetime) -> None:
        self.waiting, self.availability, self.grid = waiting, availability, availability.grid
        self.ranges = GapRanges(availability)
        self._now = ceil_tick(now)
        shapes: dict[tuple[Shape, frozenset[int]], int] = {}
        self._shape = np.array(
            [shapes.setdefault((_shape_of(one.action), one.chosen), len(shapes)) for one in waiting], np.int64
        )
        self._shapes = list(shapes)
        self._first = np.array([self._from(one) for one in waiting], np.int64)
        self._past = np.array([ceil_tick(one.before) if one.before else ALWAYS for one in waiting], np.int64)
        wished = [(row, each) for row, one in enumerate(waiting) for each in one.wishes]
        self._wished = np.array([row for row, _ in wished], np.int64)
        self._wishes = [each for _, each in wished]
        self._bounds = np.array([self._bounds_of(each) for each in self._wishes], np.int64).reshape(-1, 4)
        self._blocked = [(row, each) for row, each in wished if each.blocked_on]
        own = [(row, each) for row, one in enumerate(waiting) for each in one.own]
        busy = [(row, each) for row, one in enumerate(waiting) for each in one.busy]
        self._own_ids = [each.resource_ids for _, each in own]
        lead = np.array([ticks(one.action.lead) for one in waiting], np.int64)
        length = np.array([ticks(one.action.length_from_start) for one in waiting], np.int64)
        attended = np.array([ticks(one.action.attended_length) for one in waiting], np.int64)
        self._own = _Stretches([row for row, _ in own], [each.window for _, each in own], length, lead)
        self._busy = _Stretches([row for row, _ in busy], [each for _, each in busy], attended, 0 * lead)
        counted = [(row, one) for row, one in enumerate(waiting) if one.offset and one.after]
        self._counted = np.array([row for row, _ in counted], np.int64)
        self._gaps = np.array([self._gap(one) for _, one in counted], np.int64).reshape(-1, 4)

    def chances(self, opened: Window) -> list[Chance]:
        """Return who could come within an opened time, in the order of the records."""
        cells = self._cells(opened)
        if not len(cells) or not self.waiting:
            return []
        able = self._timely(cells) & self._wished_for(cells) & self._spaced(cells)
        free = np.array([self._resources(*shape)[cells] for shape in self._shapes])[self._shape]
        self._with_own_time(free, cells)
        able &= free
        found = []
        for row in np.flatnonzero(able.any(axis=1)).tolist():
            left, moves = self._accompanied(self.waiting[row], cells[able[row]])
            if len(left):
                starts = tuple(self.grid.instant(cell) for cell in left.tolist())
                found.append(Chance(self.waiting[row], starts, moves))
        return found

    def _cells(self, opened: Window) -> Cells:
        """Return the cells that start within an opened time."""
        bounds = ceil_tick(opened.start), ceil_tick(opened.end)
        first, past = np.searchsorted(self.grid.utc, bounds).tolist()
        return np.array([cell for cell in range(first, past) if self.grid.real >> cell & 1], np.int64)

    def _from(self, one: Waiting) -> int:
        return max(ceil_tick(one.not_before), self._now + ticks(one.action.lead))

    def _timely(self, cells: Cells) -> Bools:
        at = self.grid.utc[cells]
        able: Bools = (at >= self._first[:, None]) & (at < self._past[:, None])
        return able

    def _bounds_of(self, wishes: StartWishes) -> tuple[int, int, int, int]:
        """Return the first and the last second of a day, the weekdays as bits, and the last row."""
        early = _second(wishes.earliest) if wishes.earliest else 0
        late = _second(wishes.latest) if wishes.latest else ALWAYS
        weekdays = sum(1 << weekday for weekday in wishes.weekdays) or EVERY_WEEKDAY
        until = self.grid.row_of(wishes.until_on) if wishes.until_on else ALWAYS
        return early, late, weekdays, until

    def _wished_for(self, cells: Cells) -> Bools:
        able = np.ones((len(self.waiting), len(cells)), np.bool_)
        if not self._wishes:
            return able
        rows, places = np.divmod(cells, self.grid.width)
        seconds = (places + self.grid.low) * TICK_SECONDS
        weekdays = (self.grid.first_on.isoweekday() - 1 + rows) % 7 + 1
        early, late, days, until = (self._bounds[:, column, None] for column in range(4))
        allowed = (seconds >= early) & (seconds <= late) & (days >> weekdays & 1 == 1) & (rows <= until)
        firsts = np.flatnonzero(np.diff(self._wished, prepend=-1))  # of each record's wishes
        able[self._wished[firsts]] = np.logical_and.reduceat(allowed, firsts, axis=0)
        for row, wishes in self._blocked:
            able[row] &= ~np.isin(rows, [self.grid.row_of(on) for on in wishes.blocked_on])
        return able

    def _gap(self, one: Waiting) -> tuple[int, int, int, int]:
        """Return the bounds that the visits before leave: first and last tick, first and last row."""
        if one.offset is None:
            raise ValueError("it is counted from nothing")
        every = [self._gap_after(one.offset, done.start, done.end) for done in one.after]
        lows, highs = (min, max)
        return (
            lows(each[0] for each in every),
            highs(each[1] for each in every),
            lows(each[2] for each in every),
            highs(each[3] for each in every),
        )

    def _gap_after(self, offset: Offset, start: datetime, end: datetime) -> tuple[int, int, int, int]:
        origin = end if offset.edge is Edge.END else start
        if offset.unit is Unit.HOURS:
            at = origin.timestamp() / TICK_SECONDS
            low, high = at + offset.min * HOUR_TICKS, at + offset.max * HOUR_TICKS
            return max(int(-(-low // 1)), ceil_tick(end)), int(high // 1), NEVER, ALWAYS
        on = local_on(origin, self.grid.zone)
        if offset.unit is Unit.DAYS:
            row = self.grid.row_of(on)
            return ceil_tick(end), ALWAYS, row + offset.min, row + offset.max
        number = working_number(self.grid, self.ranges.working, on)
        first = np.searchsorted(self.ranges.working, number + offset.min)
        last = np.searchsorted(self.ranges.working, number + offset.max, side="right") - 1
        return ceil_tick(end), ALWAYS, int(first), int(last)

    def _spaced(self, cells: Cells) -> Bools:
        able = np.ones((len(self.waiting), len(cells)), np.bool_)
        at, rows = self.grid.utc[cells], cells // self.grid.width
        early, late, first, last = (self._gaps[:, column, None] for column in range(4))
        able[self._counted] = (at >= early) & (at <= late) & (rows >= first) & (rows <= last)
        return able

    @cached_property
    def _starts(self) -> dict[frozenset[int], Starts]:
        return {chosen: Starts(self.availability, chosen) for _, chosen in self._shapes}

    @remembered
    def _resources(self, shape: Shape, chosen: frozenset[int]) -> Bools:
        """Return for every cell whether everything that such a visit asks for is free."""
        return to_bools(self._set(shape, chosen), self.grid.size)

    def _set(self, shape: Shape, chosen: frozenset[int]) -> int:
        starts = self._starts[chosen]
        return starts.resources(starts.demand(_shaped(shape)))

    def _with_own_time(self, free: Bools, cells: Cells) -> None:
        """Add starts that could use the patient's own time, and take away those at which the patient is busy."""
        at = self.grid.utc[cells]
        low, high = int(at[0]), int(at[-1])
        for number in self._own.during(low, high):
            row, first, past = self._own.row(number)
            one = self.waiting[row]
            if self._could_use(one, one.action, self._own_ids[number]):
                free[row] |= (at > first) & (at < past)
        for number in self._busy.during(low, high):
            row, first, past = self._busy.row(number)
            free[row] &= (at <= first) | (at >= past)

    def _could_use(self, one: Waiting, action: Action, resource_ids: frozenset[int]) -> bool:
        return not resource_ids.isdisjoint(self._pool(_shape_of(action), one.chosen))

    @remembered
    def _pool(self, shape: Shape, chosen: frozenset[int]) -> frozenset[int]:
        """Return the ids of everything that such a visit could use."""
        starts = self._starts[chosen]
        asked = starts.demand(_shaped(shape)).asked
        return frozenset(resource.id for need in asked for resource in starts.pool(need))

    def _accompanied(self, one: Waiting, cells: Cells) -> tuple[Cells, int]:
        """Return the starts after which each companion has a place, and how many must move at each of them."""
        able = np.ones(len(cells), np.bool_)
        moves = np.zeros(len(cells), np.int64)
        for companion in one.companions:
            low, high = self._range(one.action, companion, cells)
            if companion.present is not None:
                stays = np.array(self._stays(companion.present, low, high))
                moves += ~stays
            else:
                stays = np.zeros(len(cells), np.bool_)
            count = self._before(_shape_of(companion.action), one.chosen)
            placed = stays | (count[high] > count[low])
            if not placed.all():
                placed |= self._in_own_time(one, companion, low, high)
            able &= placed
        return cells[able], int(moves[able].min()) if able.any() else 0

    def _range(self, action: Action, companion: Companion, cells: Cells) -> tuple[Cells, Cells]:
        attended = ticks(action.attended_length)
        from_end = attended if companion.offset.edge is Edge.END else 0
        low, high = self.ranges.range(Gap(companion.offset, attended, from_end), cells)
        return np.minimum(low, self.grid.size), np.minimum(high, self.grid.size)

    def _stays(self, present: datetime, low: Cells, high: Cells) -> Bools:
        first, past = np.searchsorted(self.grid.utc, (floor_tick(present), floor_tick(present) + 1))
        stays: Bools = (high > first) & (low < past)
        return stays

    @remembered
    def _before(self, shape: Shape, chosen: frozenset[int]) -> Cells:
        """Return, for every cell, at how many cells before it such a visit could start."""
        counts = np.zeros(self.grid.size + 1, np.int64)
        np.cumsum(self._resources(shape, chosen), out=counts[1:])
        return counts

    def _in_own_time(self, one: Waiting, companion: Companion, low: Cells, high: Cells) -> Bools:
        """Tell where a companion could use the patient's own time."""
        able = np.zeros(len(low), np.bool_)
        lead = ticks(companion.action.lead)
        length = ticks(companion.action.length_from_start)
        for own in one.own:
            bounds = floor_tick(own.window.start) - length, ceil_tick(own.window.end) + lead
            first, past = np.searchsorted(self.grid.utc, bounds)
            meets = (high > first) & (low < past)
            if meets.any() and self._could_use(one, companion.action, own.resource_ids):
                able |= meets
        return able


class _Stretches:
    """Stretches of time of all records: the starts after `first` and before `past` meet them."""

    def __init__(self, rows: Sequence[int], windows: Sequence[Window], before: Cells, after: Cells) -> None:
        self.rows = np.array(rows, np.int64)
        starts = seconds([one.start for one in windows]) // TICK_SECONDS
        ends = -(-seconds([one.end for one in windows]) // TICK_SECONDS)
        self.first = starts.astype(np.int64) - before[self.rows]
        self.past = ends.astype(np.int64) + after[self.rows]

    def during(self, low: int, high: int) -> list[int]:
        """Return the numbers of those that starts from `low` to `high` can meet."""
        return np.flatnonzero((self.first < high) & (self.past > low)).tolist()

    def row(self, number: int) -> tuple[int, int, int]:
        return int(self.rows[number]), int(self.first[number]), int(self.past[number])


def _second(moment: time) -> int:
    return moment.hour * 3600 + moment.minute * 60 + moment.second


def _shape_of(action: Action) -> Shape:
    return action.phases, action.site


def _shaped(shape: Shape) -> Action:
    """Return an action of this shape: all that a demand depends on."""
    phases, site = shape
    return Action("", "", "", phases, site=site)
