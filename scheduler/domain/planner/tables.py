"""Backward tables: for each start of each step, the least that it and everything hanging from it can cost.

Computed from the last action to the first. A gap in days costs by day, so the best child for each start is a minimum
over the days of the gap; the cost of another time of day is a distance transform along the row (Felzenszwalb and
Huttenlocher, 2012); a gap in hours is a range minimum over elapsed time (sparse table). What is left out, and settled
by the search in search.py, is that branches must end before the next visit and stay out of each other's way: the
tables are a lower bound, and nearly always the truth. The first axis is the course's own therapist.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from scheduler.domain.planner.costs import NEVER, Costs, Pricing
from scheduler.domain.planner.course import Course, Group, Step
from scheduler.domain.planner.gaps import HOUR_TICKS, Cells, Gap, Ruler
from scheduler.domain.planner.slotmap import SlotMap
from scheduler.domain.planner.weights import Weights

Rows = Mapping[Step, tuple[int, int]]  # from the first row up to, not including, the second


@dataclass(frozen=True, slots=True)
class Table:
    """Starts of a step in its rows; `own` and `total` have a line for each therapist (or one for all)."""

    first: int
    past: int
    cells: Cells
    own: Costs
    total: Costs


class Tables:
    """The tables of one course in chosen rows, for a list of candidates for the course's own therapist."""

    def __init__(
        self,
        course: Course,
        slots: SlotMap,
        pricing: Pricing,
        weights: Weights,
        rows: Rows,
        therapists: list[int],
    ) -> None:
        self.course, self.slots, self.pricing, self.weights = course, slots, pricing, weights
        self.ruler: Ruler = slots.ruler
        self.grid = self.ruler.grid
        self.therapists = therapists
        self.of: dict[Step, Table] = {}
        for step in reversed(course.steps):
            self.of[step] = self._table(step, *rows[step])

    def _table(self, step: Step, first: int, past: int) -> Table:
        width = self.grid.width
        surviving = self.slots.cells[step]
        low, high = np.searchsorted(surviving, (first * width, past * width))
        cells = surviving[low:high]
        own = self.pricing.of(step, first, past).ravel()[cells - first * width][None, :]
        away = self.pricing.aways(step, self.therapists)
        if away is not None:
            own = own + self.weights.therapist * away[:, cells]
        return Table(first, past, cells, own, np.minimum(own + self.below(step, cells), NEVER))

    def below(self, step: Step, cells: Cells) -> Costs:
        """Return the least that everything hanging from each start of a step can cost."""
        total = np.zeros((1, len(cells)), np.int64)
        for child in step.children():
            total = total + self.pull(self.ruler.gap(self.course, child), child, cells)
        return total

    def floor(self) -> Costs:
        """Return, for each therapist, what every placement costs at least."""
        total = np.zeros(1, np.int64)
        for group in self.course.groups:
            total = total + self.least(group)
        return total

    def least(self, group: Group) -> Costs:
        """Return, for each therapist, the least that the group can cost."""
        total = np.zeros(max(len(self.therapists), 1), np.int64)
        for child in group.children():
            low, high = (int(bound[0]) for bound in self.slots.reach(group, child, np.zeros(1, np.int64)))
            table = self.of[child]
            chosen = slice(*np.searchsorted(table.cells, (low, high)))
            costs = table.total[:, chosen] + self.anchor_costs(group, child, table.cells[chosen])
            total = total + costs.min(axis=1, initial=NEVER)
        return np.minimum(total, NEVER)

    def pull(self, gap: Gap, child: Step, cells: Cells) -> Costs:
        """Return the least cost of a child for each start of its parent, the gap's included."""
        if not len(cells) or not len(self.of[child].cells):
            return np.full((1, len(cells)), NEVER)
        return self._pull_hours(gap, child, cells) if gap.in_hours else self._pull_days(gap, child, cells)

    def _dense(self, table: Table, spare_rows: int) -> Costs:
        shape = (len(table.total), table.past - table.first + spare_rows, self.grid.width)
        dense = np.full(shape, NEVER)
        dense.reshape(shape[0], -1)[:, table.cells - table.first * self.grid.width] = table.total
        return dense

    def _pull_days(self, gap: Gap, child: Step, cells: Cells) -> Costs:
        offset, table, width = gap.offset, self.of[child], self.grid.width
        dense = self._dense(table, 1)
        rhythm = self.weights.rhythm_tick if child.same_series else 0
        numbers = self.ruler.day_number(offset)
        rows, ticks = np.divmod(cells, width)
        distances = range(max(offset.min, 1), offset.max + 1)
        if rhythm:
            nearest, best = spread(dense, rhythm), np.full((1, len(cells)), NEVER)
            for distance in distances:
                costs = nearest[:, self._rows_at(numbers, rows, distance, table), ticks]
                best = np.minimum(best, costs + self.weights.gap_day * abs(distance - offset.target))
        else:  # every start of a day is as good as another, so whole days are compared
            nearest, first = dense.min(axis=2), int(rows[0])
            whole = np.arange(first, int(rows[-1]) + 1)
            by_day = np.full((1, len(whole)), NEVER)
            for distance in distances:
                costs = nearest[:, self._rows_at(numbers, whole, distance, table)]
                by_day = np.minimum(by_day, costs + self.weights.gap_day * abs(distance - offset.target))
            best = by_day[:, rows - first]
        if offset.min <= 0:
            costs = self._same_day(dense, rows - table.first, ticks, gap.apart, rhythm)
            best = np.minimum(best, costs + self.weights.gap_day * abs(offset.target))
        return best

    def _rows_at(self, numbers: Cells, rows: Cells, distance: int, table: Table) -> Cells:
        """Return the table's row `distance` days later; its spare last row where that is outside."""
        rows = np.searchsorted(numbers, numbers[rows] + distance) - table.first
        spare = table.past - table.first
        return np.where((rows < 0) | (rows >= spare), spare, rows)

    def _same_day(self, dense: Costs, rows: Cells, ticks: Cells, apart: int, rhythm: int) -> Costs:
        spare = dense.shape[1] - 1
        slope = rhythm * np.arange(self.grid.width, dtype=np.int64)
        later = np.minimum.accumulate((dense + slope)[:, :, ::-1], axis=2)[:, :, ::-1]
        inside = (rows >= 0) & (rows < spare) & (ticks + apart < self.grid.width)
        at = np.where(inside, rows, spare)
        costs: Costs = later[:, at, np.where(inside, ticks + apart, 0)] - rhythm * ticks
        return np.where(inside, costs, NEVER)

    def _pull_hours(self, gap: Gap, child: Step, cells: Cells) -> Costs:
        low, high = self.ruler.range(gap, cells)
        return self.least_by_hours(gap, child, cells, low, high, self.of[child].total)

    def least_by_hours(
        self, gap: Gap, child: Step, cells: Cells, low: Cells, high: Cells, values: Costs
    ) -> Costs:
        """Return, for each start, the least value of a child's starts from `low` up to `high`, the gap's cost added."""
        table, weight = self.of[child], self.weights.gap_tick
        first = np.searchsorted(table.cells, low)
        past = np.searchsorted(table.cells, high)
        base = int(self.grid.utc[table.cells[0]])
        elapsed = self.grid.utc[table.cells] - base
        ideal = self.grid.utc[cells] + gap.from_end + gap.offset.target * HOUR_TICKS - base
        middle = np.clip(np.searchsorted(elapsed, ideal), first, np.maximum(first, past))
        late = least_in(values + weight * elapsed, middle, past) - weight * ideal
        early = least_in(values - weight * elapsed, first, middle) + weight * ideal
        nearest: Costs = np.minimum(np.minimum(late, early), NEVER)
        return nearest

    def gap_costs(self, cell: int, child: Step, cells: Cells) -> Costs:
        """Return what the gaps from one start of its parent to these starts of a child cost."""
        gap = self.ruler.gap(self.course, child)
        offset, weights = gap.offset, self.weights
        if gap.in_hours:
            ideal = self.grid.utc[cell] + gap.from_end + offset.target * HOUR_TICKS
            elapsed: Costs = weights.gap_tick * np.abs(self.grid.utc[cells] - ideal)
            return elapsed
        numbers = self.ruler.day_number(offset)
        rows, ticks = np.divmod(cells, self.grid.width)
        row, tick = divmod(cell, self.grid.width)
        costs: Costs = weights.gap_day * np.abs(numbers[rows] - numbers[row] - offset.target)
        if child.same_series:
            costs += weights.rhythm_tick * np.abs(ticks - tick)
        return costs

    def anchor_costs(self, group: Group, child: Step, cells: Cells) -> Costs:
        """Return what the gaps from a fixed action to these starts of a child cost."""
        offset, anchor = child.offset, group.anchor
        if offset is None or anchor is None:
            return np.zeros(len(cells), np.int64)
        return self.ruler.anchor_costs(offset, anchor, cells, self.weights, child.same_series)


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
