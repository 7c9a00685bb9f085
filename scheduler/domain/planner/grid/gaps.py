"""Gaps as ranges of cells: from where to where on the grid a child may start, and what each distance costs.

For every kind of gap the allowed starts after a given start are one range of cells, because cells are in order of time:
whole days for days and working days, elapsed ticks for hours. A child never starts before its parent's patient is free.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from scheduler.domain.localtime import local_on, to_local
from scheduler.domain.planner.grid.availability import Availability
from scheduler.domain.planner.grid.grid import TICK_SECONDS, Grid, floor_tick
from scheduler.domain.planner.grid.remembered import remembered
from scheduler.domain.planner.values import Done, Weights
from scheduler.domain.plans import Edge, Offset, Unit

Cells = NDArray[np.int64]
HOUR_TICKS = 3600 // TICK_SECONDS


@dataclass(frozen=True, slots=True)
class Gap:
    """The gap between a parent and a child. `apart` is the least distance in ticks on one day.

    A gap longer than its target costs nothing if it `may_be_longer`.
    """

    offset: Offset
    apart: int
    from_end: int
    may_be_longer: bool = False

    @property
    def in_hours(self) -> bool:
        return self.offset.unit is Unit.HOURS


class GapRanges:
    """Measures gaps on one availability's grid."""

    def __init__(self, availability: Availability) -> None:
        self.availability = availability
        self.grid: Grid = availability.grid
        self.working = availability.working

    def range(self, gap: Gap, cells: Cells) -> tuple[Cells, Cells]:
        """Return, for each start, the first cell at which the child may start and the one past the last."""
        if gap.in_hours:
            low, high = self._hour_cells(gap.offset.min, gap.offset.max, gap.from_end)
            return np.maximum(low[cells], cells + gap.apart), high[cells]
        firsts, lasts = self.rows(gap.offset)
        rows = cells // self.grid.width
        return np.maximum(firsts[rows] * self.grid.width, cells + gap.apart), (
            lasts[rows] + 1
        ) * self.grid.width

    def _hour_cells(self, least: int, most: int, from_end: int) -> tuple[Cells, Cells]:
        """Return the bounds of a gap in hours for every cell of the grid, worked out once for a grid."""
        key = (least, most, from_end)
        known = self.grid.bounds.get(key)
        if known is None:
            start = self.grid.utc + from_end
            low = np.searchsorted(self.grid.utc, start + least * HOUR_TICKS)
            high = np.searchsorted(self.grid.utc, start + most * HOUR_TICKS, side="right")
            known = self.grid.bounds[key] = low, high
        return known

    def rows(self, offset: Offset) -> tuple[Cells, Cells]:
        """Return, for each row, the first and the last row of the children of a gap in days (cut to the grid)."""
        return self._rows(offset.unit, offset.min, offset.max)

    @remembered
    def _rows(self, unit: Unit, least: int, most: int) -> tuple[Cells, Cells]:
        if unit is Unit.DAYS:
            days, rows = self.grid.days, np.arange(self.grid.days)
            return np.minimum(rows + least, days), np.minimum(rows + most, days - 1)
        first = np.searchsorted(self.working, self.working + least)
        return first, np.searchsorted(self.working, self.working + most, side="right") - 1

    def last_row(self, offset: Offset | None, row: int) -> int:
        """Return the last row in which a child of a start in this row may start."""
        row = min(row, self.grid.days - 1)
        if offset is None:
            return self.grid.days - 1
        if offset.unit is Unit.HOURS:
            latest = self.grid.utc[(row + 1) * self.grid.width - 1] + (offset.max + 24) * HOUR_TICKS
            return min(int(np.searchsorted(self.grid.utc, latest)) // self.grid.width, self.grid.days - 1)
        return int(self.rows(offset)[1][row])

    def day_number(self, offset: Offset) -> Cells:
        """Return the number of each row in the unit of a day-counted gap, so that gaps are differences."""
        return np.arange(self.grid.days) if offset.unit is Unit.DAYS else self.working

    def anchor_number(self, offset: Offset, anchor: Done) -> int:
        """Return the number of the day from which an anchor's gap counts."""
        on = self.anchor_on(offset, anchor)
        if offset.unit is Unit.DAYS:
            return self.grid.row_of(on)
        return working_number(self.grid, self.working, on)

    def anchor_on(self, offset: Offset, anchor: Done) -> date:
        return local_on(anchor.end if offset.edge is Edge.END else anchor.start, self.grid.zone)

    def anchor_range(self, offset: Offset, anchor: Done) -> tuple[int, int]:
        """Return the first cell at which a child of a fixed action may start, and the one past the last."""
        if offset.unit is Unit.HOURS:
            start = (anchor.end if offset.edge is Edge.END else anchor.start).timestamp() / TICK_SECONDS
            low = np.searchsorted(self.grid.utc, int(-(-(start + offset.min * HOUR_TICKS) // 1)))
            high = np.searchsorted(self.grid.utc, int((start + offset.max * HOUR_TICKS) // 1), side="right")
            return int(low), int(high)
        number, numbers = self.anchor_number(offset, anchor), self.day_number(offset)
        first = int(np.searchsorted(numbers, number + offset.min))
        last = int(np.searchsorted(numbers, number + offset.max, side="right")) - 1
        return first * self.grid.width, (last + 1) * self.grid.width

    def anchor_costs(
        self, gap: Gap, anchor: Done, cells: Cells, weights: Weights, same_series: bool
    ) -> Cells:
        """Return what the gaps from a fixed action to these starts cost. Seconds beyond a whole tick do not count."""
        offset = gap.offset
        if gap.in_hours:
            start = floor_tick(anchor.end if offset.edge is Edge.END else anchor.start)
            late = self.grid.utc[cells] - start - offset.target * HOUR_TICKS
            return weights.gap_tick * off_target(late, gap)
        rows, ticks = np.divmod(cells, self.grid.width)
        distance = self.day_number(offset)[rows] - self.anchor_number(offset, anchor)
        costs: Cells = weights.gap_day * off_target(distance - offset.target, gap)
        if same_series:
            costs += rhythm_costs(ticks + self.grid.low - self.anchor_tick(anchor), weights)
        return costs

    def anchor_tick(self, anchor: Done) -> int:
        """Return the tick of its local day in which a fixed action starts."""
        local = to_local(anchor.start, self.grid.zone)
        return (local.hour * 3600 + local.minute * 60 + local.second) // TICK_SECONDS


def off_target(late: Cells, gap: Gap) -> Cells:
    """Return by how much gaps that end so late after their target (early, if negative) count as away from it."""
    away: Cells = np.maximum(-late, 0) if gap.may_be_longer else np.abs(late)
    return away


def rhythm_costs(apart: Cells, weights: Weights) -> Cells:
    """Return what neighbours of one series cost whose times of day are so many ticks apart."""
    costs: Cells = weights.rhythm_tick * np.abs(apart) + weights.rhythm_change * (apart != 0)
    return costs


def working_number(grid: Grid, working: Cells, on: date) -> int:
    """Return the number of a date in working days, as `working` has it; off the grid Monday to Friday are working."""
    row = grid.row_of(on)
    if row < 0:
        return -weekdays_between(on, grid.first_on)
    if row < grid.days:
        return int(working[row])
    last_on = grid.first_on + timedelta(days=grid.days - 1)
    return int(working[-1]) + weekdays_between(last_on, on + timedelta(days=1))


def weekdays_between(first: date, until: date) -> int:
    """Return how many of the days after `first` and before `until` are Mondays to Fridays."""
    days = (first + timedelta(days=n) for n in range(1, (until - first).days))
    return sum(on.isoweekday() <= 5 for on in days)
