"""Backward tables: for each start of each step, the least that it and everything after it can cost.

Computed from the last action to the first; child_costs.py says what a child costs its parent. What is left out, and
left to the search in chains.py, is that branches must end before the next visit and stay out of each other's way: the
tables are a lower bound, and nearly always the truth. The first axis is the course's own therapist.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from scheduler.domain.planner.grid.gaps import HOUR_TICKS, Cells, off_target, rhythm_costs
from scheduler.domain.planner.search.child_costs import Table
from scheduler.domain.planner.search.costs import NEVER, Costs
from scheduler.domain.planner.search.course import Group, Step
from scheduler.domain.planner.search.leaves import Leaves
from scheduler.domain.planner.search.slotmap import SlotMap

Rows = Mapping[Step, tuple[int, int]]  # from the first row up to, not including, the second


class Tables:
    """The tables of one course in chosen rows, for a list of candidates for the course's own therapist."""

    def __init__(self, slots: SlotMap, leaves: Leaves, rows: Rows, therapists: list[int]) -> None:
        self.slots, self.leaves, self.therapists = slots, leaves, therapists
        self.pricing, self.course = leaves.pricing, leaves.course
        self.weights, self.child_costs = self.pricing.weights, leaves.child_costs
        self.gap_ranges, self.grid = self.course.gap_ranges, self.pricing.grid
        self.of: dict[Step, Table] = {}
        for step in reversed(self.course.steps):
            self.of[step] = self._table(step, *rows[step])

    def _table(self, step: Step, first: int, past: int) -> Table:
        width = self.grid.width
        surviving = self.slots.cells[step]
        low, high = surviving.searchsorted((first * width, past * width))
        cells = surviving[low:high]
        leaf = self.leaves.of(step, self.therapists)
        if leaf is not None:
            own = leaf.table.own[:, leaf.table.cells.searchsorted(cells)]
            return Table(first, past, cells, own, own)
        own = self.pricing.own(step, first, past, cells, self.therapists)
        return Table(first, past, cells, own, np.minimum(own + self.below(step, cells), NEVER))

    def below(self, step: Step, cells: Cells) -> Costs:
        """Return the least that everything after each start of a step can cost."""
        total = np.zeros((1, len(cells)), np.int64)
        for child in step.children():
            total = total + self.least_child(child, cells)
        return total

    def least_child(self, child: Step, cells: Cells) -> Costs:
        """Return the least cost of a child for each start of its parent, the gap's included."""
        leaf = self.leaves.of(child, self.therapists)
        if leaf is not None:
            return leaf.ahead[:, cells]
        return self.child_costs.least(self.course.gap(child), self.of[child], cells, child.same_series)

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
            chosen = slice(*table.cells.searchsorted((low, high)))
            costs = table.total[:, chosen] + self.anchor_costs(child, table.cells[chosen])
            total = total + costs.min(axis=1, initial=NEVER)
        return np.minimum(total, NEVER)

    def gap_costs(self, cell: int, child: Step, cells: Cells) -> Costs:
        """Return what the gaps from one start of its parent to these starts of a child cost."""
        gap = self.course.gap(child)
        offset, weights = gap.offset, self.weights
        if gap.in_hours:
            ideal = self.grid.utc[cell] + gap.from_end + offset.target * HOUR_TICKS
            return weights.gap_tick * off_target(self.grid.utc[cells] - ideal, gap)
        numbers = self.gap_ranges.day_number(offset)
        rows, ticks = np.divmod(cells, self.grid.width)
        row, tick = divmod(cell, self.grid.width)
        costs: Costs = weights.gap_day * off_target(numbers[rows] - numbers[row] - offset.target, gap)
        if child.same_series:
            costs += rhythm_costs(ticks - tick, weights)
        return costs

    def anchor_costs(self, child: Step, cells: Cells) -> Costs:
        """Return what the gaps from a fixed action to these starts of a child cost."""
        if child.anchor is None:
            return np.zeros(len(cells), np.int64)
        gap = self.course.anchor_gap(child)
        return self.gap_ranges.anchor_costs(gap, child.anchor, cells, self.weights, child.same_series)
