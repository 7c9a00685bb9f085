"""The best placement without regard to clashes, in as many days as it takes to be sure.

The search looks at the first weeks only, and there at the first days of each visit. What it finds bounds the days on
which a cheaper course could have its visits; where those go further, it looks once more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from scheduler.domain.planner.grid.bitsets import span
from scheduler.domain.planner.search.chains import Budget, Chosen, Search
from scheduler.domain.planner.search.costs import NEVER, Pricing
from scheduler.domain.planner.search.course import Step
from scheduler.domain.planner.search.leaves import Leaves
from scheduler.domain.planner.search.slotmap import SlotMap
from scheduler.domain.planner.search.tables import Rows, Tables
from scheduler.domain.planner.values import Weights
from scheduler.domain.plans import Unit

FIRST_DAYS = 28  # days beyond a course at its slowest pace that are looked at first
FIRST_SLACK = 10  # days beyond each step's first start that are looked at first
STATES = 20_000


@dataclass(frozen=True, slots=True)
class Solution:
    """Starts by step; `therapist` is the course's own, where there is a choice."""

    cells: Mapping[Step, int]
    cost: int
    therapist: int | None
    proven: bool


class Horizon:
    """Solves one course for chosen start sets."""

    def __init__(self, pricing: Pricing) -> None:
        self.pricing, self.course, self.weights = pricing, pricing.course, pricing.weights
        self.gap_ranges = self.course.gap_ranges
        self.grid = self.gap_ranges.grid
        self._first: tuple[SlotMap, Leaves] | None = None

    def first_row(self, step: Step) -> int:
        """Return the first day on which a step can be in a course that was looked at, once there is a best one."""
        return self._first[0].first_row(step) if self._first else 0

    def best(
        self,
        starts: Mapping[Step, int],
        therapists: list[int],
        budget: Budget,
        below: int = int(NEVER),
        narrow: bool = True,
    ) -> Solution | None:
        """Return the cheapest placement in which visits may clash, or None if all cost `below` or more.

        `narrow` narrows the sets for this search alone, which pays where they are much smaller than the request's own.
        """
        best, days = None, min(self._first_days(starts), self._days_needed(below))
        while True:
            cut = span(0, days * self.grid.width)
            near = {step: cells & cut for step, cells in starts.items()}
            best = self._in_days(near, therapists, budget, best.cost if best else below, narrow) or best
            needed = self._days_needed(best.cost if best else below)
            if days >= needed:
                return best
            days = needed

    def _first_days(self, starts: Mapping[Step, int]) -> int:
        """Return how many days to look at first: what the course takes at its slowest pace, and some weeks."""
        # the lowest bit of each set is the earliest start
        earliest = ((cells & -cells).bit_length() // self.grid.width for cells in starts.values())
        row = min(earliest, default=0)  # nothing is left to place when all visits have begun
        for step in self.course.steps:
            if step.on_line and step.offset is not None:
                row = self.gap_ranges.last_row(step.offset, row)
        return min(row + FIRST_DAYS, self.grid.days)

    def _days_needed(self, below: int) -> int:
        """Return how many days hold every plan that costs less than `below`."""
        return min(max(self._last_rows(self._limits(below)).values(), default=0) + 1, self.grid.days)

    def _in_days(
        self, starts: Mapping[Step, int], therapists: list[int], budget: Budget, below: int, narrow: bool
    ) -> Solution | None:
        """Return the cheapest placement at these starts that costs less than `below`."""
        slots, leaves = self._narrowed(starts, narrow)
        if not slots.complete:
            return None
        best, slack = None, FIRST_SLACK
        while True:
            limits = self._limits(below) if below < NEVER else self._first_rows(slots, slack)
            rows = self._rows(slots, limits)
            found = self._within(slots, leaves, therapists, budget, rows, below)
            if found:
                best, below = found, found.cost
                if _covered(self._limits(below), rows, slots):
                    return best
            elif below < NEVER or slack >= self.grid.days:
                return best
            slack *= 3

    def _first_rows(self, slots: SlotMap, slack: int) -> dict[Step, int]:
        return {step: slots.first_row(step) + slack for step in self.course.steps}

    def _narrowed(self, starts: Mapping[Step, int], narrow: bool) -> tuple[SlotMap, Leaves]:
        """Return the slot map and the leaves of these sets: parts of those of a request's first, where possible."""
        if not narrow and self._first and self._first[0].holds(starts):
            return self._first[0].within(starts), self._first[1]
        slots = SlotMap(self.course, starts)
        leaves = Leaves(self.pricing, starts)
        if not narrow:
            self._first = slots, leaves
        return slots, leaves

    def _rows(self, slots: SlotMap, limits: Mapping[Step, int]) -> Rows:
        rows = {}
        for step, last in self._last_rows(limits).items():
            first = slots.first_row(step)
            rows[step] = first, max(min(slots.last_row(step), last), first) + 1
        return rows

    def _last_rows(self, limits: Mapping[Step, int]) -> dict[Step, int]:
        """Return the last row in which each step can be, if those on the line are within these limits."""
        last: dict[Step, int] = {}
        for step in self.course.steps:
            if step.on_line:
                last[step] = limits.get(step, self.grid.days)
            elif step.parent is not None:
                last[step] = self.gap_ranges.last_row(step.offset, last[step.parent])
            elif step.anchor is not None and step.offset is not None:
                last[step] = self.gap_ranges.anchor_range(step.offset, step.anchor)[1] // self.grid.width
            else:
                last[step] = self.grid.days
        return last

    def _limits(self, cost: int) -> dict[Step, int]:
        """Return, for each step on the line, the last day on which a plan that costs at most `cost` can have it."""
        weights = self.weights
        if weights.completion_day <= 0 or self.course.finish is None or cost >= NEVER:
            return {step: self.grid.days for step in self.course.steps if step.on_line}
        limits: dict[Step, int] = {}
        least = 0
        step: Step | None = self.course.finish
        today = self.grid.row_of(self.pricing.request.not_before)
        while step is not None:
            # each day until the plan's first visit costs twice
            day = weights.completion_day + (weights.first_day if step is self.course.opening else 0)
            limits[step] = today + (cost - least) // day
            if step.offset is not None:
                least += _least_gap(step, weights)
            step = step.parent
        return limits

    def _within(
        self, slots: SlotMap, leaves: Leaves, therapists: list[int], budget: Budget, rows: Rows, below: int
    ) -> Solution | None:
        tables = Tables(slots, leaves, rows, therapists)
        limited = Budget(min(STATES, budget.left), budget.choices)
        best = self._cheapest(tables, therapists, limited, below)
        budget.left -= STATES if limited.spent else 0
        return best

    def _cheapest(self, tables: Tables, therapists: list[int], budget: Budget, below: int) -> Solution | None:
        """Return the best over all candidates for the course's own therapist, if it costs less than `below`."""
        least = tables.floor()
        lines = range(max(len(therapists), 1))
        floors = [int(least[min(line, len(least) - 1)]) for line in lines]
        best = None
        order = sorted(lines, key=lambda line: floors[line])
        if len(set(floors)) < len(floors):
            # of therapists who may cost the same, the one with the fewest minutes booked
            loads = [self.course.starts.total_load(therapist) for therapist in therapists]
            order = sorted(lines, key=lambda line: (floors[line], loads[line]))
        for line in order:
            if floors[line] >= below:
                break
            found = self._line(Search(tables, line, budget), below)
            if found and found[0] < below:
                below = found[0]
                best = Solution(found[1], found[0], therapists[line] if therapists else None, True)
        return best

    def _line(self, search: Search, bound: int) -> tuple[int, Chosen] | None:
        cost, placed = 0, Chosen()
        for group in self.course.groups:
            found = search.group(group, bound - cost)
            if found is None:
                return None
            cost += found[0]
            placed.update(found[1])
        return cost, placed


def _covered(limits: Mapping[Step, int], rows: Rows, slots: SlotMap) -> bool:
    return all(min(limit, slots.last_row(step)) < rows[step][1] for step, limit in limits.items())


def _least_gap(step: Step, weights: Weights) -> int:
    """Return the least that a gap on the line costs, its days' delay of the completion included."""
    offset = step.offset
    if offset is None or offset.unit is Unit.HOURS:
        return 0
    last = offset.target if step.leads_up else offset.max
    return min(
        weights.completion_day * days + weights.gap_day * abs(days - offset.target)
        for days in range(offset.min, last + 1)
    )
