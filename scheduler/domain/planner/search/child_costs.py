"""The least that a child costs, for each start of its parent.

A gap in days costs by day, so the best child for each start is a minimum over the days of the gap; the cost of another
time of day is a distance transform along the row (Felzenszwalb and Huttenlocher, 2012); a gap in hours is a range
minimum over elapsed time (sparse table).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scheduler.domain.planner.grid.gaps import HOUR_TICKS, Cells, Gap, GapRanges
from scheduler.domain.planner.search.costs import NEVER, Costs
from scheduler.domain.planner.values import Weights


@dataclass(frozen=True, slots=True)
class Table:
    """Starts of a step in its rows; `own` and `total` have a line for each therapist (or one for all)."""

    first: int
    past: int
    cells: Cells
    own: Costs
    total: Costs


class ChildCosts:
    """The least costs of children for each start of their parents, under one request's weights."""

    def __init__(self, gap_ranges: GapRanges, weights: Weights) -> None:
        self.gap_ranges, self.grid, self.weights = gap_ranges, gap_ranges.grid, weights

    def least(self, gap: Gap, table: Table, cells: Cells, same_series: bool) -> Costs:
        """Return the least cost of a child for each start of its parent, the gap's included."""
        if not len(cells) or not len(table.cells):
            return np.full((1, len(cells)), NEVER)
        if gap.in_hours:
            low, high = self.gap_ranges.range(gap, cells)
            return self.least_by_hours(gap, table, cells, low, high, table.total)
        return self._least_by_days(gap, table, cells, same_series)

    def dense(self, table: Table, spare_rows: int) -> Costs:
        shape = (len(table.total), table.past - table.first + spare_rows, self.grid.width)
        dense = np.full(shape, NEVER)
        dense.reshape(shape[0], -1)[:, table.cells - table.first * self.grid.width] = table.total
        return dense

    def _least_by_days(self, gap: Gap, table: Table, cells: Cells, same_series: bool) -> Costs:
        offset, width = gap.offset, self.grid.width
        dense = self.dense(table, 1)
        numbers = self.gap_ranges.day_number(offset)
        rows, ticks = np.divmod(cells, width)
        first = int(rows[0])
        whole = np.arange(first, int(rows[-1]) + 1)
        distances = range(max(offset.min, 1), offset.max + 1)
        change, slope = self._rhythm(same_series)
        if change or slope:
            nearest, best = near(dense, change, slope), np.full((len(dense), len(cells)), NEVER)
            for distance in distances:
                costs = nearest[:, self.rows_at(numbers, whole, distance, table)[rows - first], ticks]
                costs += self._days_off(gap, distance)
                np.minimum(best, costs, out=best)
        else:  # every start of a day is as good as another, so whole days are compared
            nearest = dense.min(axis=2)
            by_day = np.full((len(dense), len(whole)), NEVER)
            for distance in distances:
                costs = nearest[:, self.rows_at(numbers, whole, distance, table)]
                costs += self._days_off(gap, distance)
                np.minimum(by_day, costs, out=by_day)
            best = by_day[:, rows - first]
        if offset.min <= 0:
            costs = self.same_day(dense, rows - table.first, ticks, gap.apart, slope)
            # a visit later on the same day is at another time of day
            best = np.minimum(best, costs + change + self._days_off(gap, 0))
        return best

    def _rhythm(self, same_series: bool) -> tuple[int, int]:
        """Return what another time of day costs at once, and for each tick of difference."""
        return (self.weights.rhythm_change, self.weights.rhythm_tick) if same_series else (0, 0)

    def _days_off(self, gap: Gap, distance: int) -> int:
        late = distance - gap.offset.target
        return self.weights.gap_day * (max(-late, 0) if gap.may_be_longer else abs(late))

    def rows_at(self, numbers: Cells, rows: Cells, distance: int, table: Table) -> Cells:
        """Return the table's row `distance` days later; its spare last row where that is outside."""
        rows = numbers.searchsorted(numbers[rows] + distance) - table.first
        spare = table.past - table.first
        return np.where((rows < 0) | (rows >= spare), spare, rows)

    def same_day(self, dense: Costs, rows: Cells, ticks: Cells, apart: int, rhythm: int) -> Costs:
        spare = dense.shape[1] - 1
        slope = rhythm * np.arange(self.grid.width, dtype=np.int64)
        later = np.minimum.accumulate((dense + slope)[:, :, ::-1], axis=2)[:, :, ::-1]
        inside = (rows >= 0) & (rows < spare) & (ticks + apart < self.grid.width)
        at = np.where(inside, rows, spare)
        costs: Costs = later[:, at, np.where(inside, ticks + apart, 0)] - rhythm * ticks
        return np.where(inside, costs, NEVER)

    def least_by_hours(
        self, gap: Gap, table: Table, cells: Cells, low: Cells, high: Cells, values: Costs
    ) -> Costs:
        """Return, for each start, the least value of a child's starts from `low` up to `high`, the gap's cost added."""
        weight = self.weights.gap_tick
        first = table.cells.searchsorted(low)
        past = table.cells.searchsorted(high)
        base = int(self.grid.utc[table.cells[0]])
        elapsed = self.grid.utc[table.cells] - base
        ideal = self.grid.utc[cells] + gap.from_end + gap.offset.target * HOUR_TICKS - base
        middle = np.clip(elapsed.searchsorted(ideal), first, np.maximum(first, past))
        if gap.may_be_longer:
            late = least_in(values, middle, past)
        else:
            late = least_in(values + weight * elapsed, middle, past) - weight * ideal
        early = least_in(values - weight * elapsed, first, middle) + weight * ideal
        nearest: Costs = np.minimum(np.minimum(late, early), NEVER)
        return nearest


def near(costs: Costs, change: int, slope: int) -> Costs:
    """Return, for each place in a row, the least cost of a start there, or elsewhere in the row with the price of the
    other time of day."""
    elsewhere = spread(costs, slope)
    if not change:
        return elsewhere
    elsewhere += change
    return np.minimum(costs, elsewhere, out=elsewhere)


def spread(costs: Costs, slope: int) -> Costs:
    """Return, for each place in a row, the least cost anywhere in the row plus `slope` for each place between."""
    ramp = slope * np.arange(costs.shape[-1], dtype=np.int64)
    before = np.minimum.accumulate(costs - ramp, axis=-1) + ramp
    after = np.minimum.accumulate((costs + ramp)[..., ::-1], axis=-1)[..., ::-1] - ramp
    return np.minimum(before, after)


def least_in(costs: Costs, first: Cells, past: Cells) -> Costs:
    """Return the least of costs[:, first:past] for each pair of bounds; NEVER where the range is empty."""
    lengths = past - first
    result = np.full((len(costs), len(first)), NEVER)
    longest = int(lengths.max(initial=0))
    level, size = costs, 1
    while size <= longest:
        chosen = np.flatnonzero((lengths >= size) & (lengths < 2 * size))
        if len(chosen):
            low, high = first[chosen], past[chosen] - size
            result[:, chosen] = np.minimum(level[:, low], level[:, high])
        level = np.minimum(level[:, :-size], level[:, size:])
        size *= 2
    return result
