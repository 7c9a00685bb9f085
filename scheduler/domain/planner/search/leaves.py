"""Visits that nothing follows: those of one shape and one start set cost the same, so they are worked out once.

In a course of six infusions with a therapy session after each, the six sessions differ in their names only. What the
best session after an infusion costs is kept for every start of any infusion, a bound for each: which of the session's
starts survive in the slot map is left to the tables of each.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass

import numpy as np

from scheduler.domain.planner.grid.bitsets import to_bools
from scheduler.domain.planner.grid.remembered import remembered
from scheduler.domain.planner.search.child_costs import ChildCosts, Table
from scheduler.domain.planner.search.costs import NEVER, Costs, Pricing
from scheduler.domain.planner.search.course import Step


@dataclass(frozen=True, slots=True)
class Leaf:
    """The table of all the leaf's starts; and the least that it costs from each start of its parent, by cell."""

    table: Table
    ahead: Costs


class Leaves:
    """The leaves of one course with chosen start sets, for any list of candidates for the course's own therapist."""

    def __init__(self, pricing: Pricing, starts: Mapping[Step, int]) -> None:
        self.pricing, self.course, self.starts = pricing, pricing.course, starts
        self.child_costs = ChildCosts(pricing.course.gap_ranges, pricing.weights)
        self._alike: dict[Step, list[Step]] = {}
        shapes: dict[Hashable, list[Step]] = {}
        for step in self.course.steps:
            shape = self._shape(step)
            if shape is not None:
                shapes.setdefault(shape, []).append(step)
                self._alike[step] = shapes[shape]

    def of(self, step: Step, therapists: list[int]) -> Leaf | None:
        """Return what is known of a leaf; None if a visit follows the step, or its cost is its own."""
        alike = self._alike.get(step)
        return self._leaf(alike[0], tuple(therapists)) if alike else None

    def _shape(self, step: Step) -> Hashable:
        staying = self.pricing.staying
        alone = step is self.course.finish or (staying is not None and step.key in staying.price)
        if step.parent is None or step.next is not None or step.branches or alone or not self.starts[step]:
            return None
        gap = self.course.gap(step)
        offset = gap.offset
        return (
            self.starts[step],
            self.pricing.starts.demand(step.action),
            (
                step.on_line,
                self.pricing.request.asks_of(step.action),
                step.same_series,
                step.lead,
                step.length,
            ),
            (offset.unit, offset.min, offset.target, offset.max, gap.apart, gap.from_end, gap.may_be_longer),
        )

    @remembered
    def _leaf(self, step: Step, therapists: tuple[int, ...]) -> Leaf:
        grid = self.pricing.grid
        cells = np.flatnonzero(to_bools(self.starts[step], grid.size))
        first, past = int(cells[0]) // grid.width, int(cells[-1]) // grid.width + 1
        own = self.pricing.own(step, first, past, cells, therapists)
        table = Table(first, past, cells, own, np.minimum(own, NEVER))
        together = 0
        for parent in {one.parent for one in self._alike[step] if one.parent is not None}:
            together |= self.starts[parent]
        parents = np.flatnonzero(to_bools(together, grid.size))
        costs = self.child_costs.least(self.course.gap(step), table, parents, step.same_series)
        ahead = np.full((len(costs), grid.size), NEVER)
        ahead[:, parents] = costs
        return Leaf(table, ahead)
