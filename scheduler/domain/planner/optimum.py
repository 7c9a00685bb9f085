"""The best placement of a course, and the proof that it is.

The search looks at the first weeks only and widens them until what it found costs less than anything that finishes
later could. What the tables and the chains cannot see (visits of different chains of one patient at one time, an order
between visits far apart) is settled by branch and bound: where two visits of the found plan clash, every plan belongs
to one of a few cases in each of which this very clash is gone, and each case is solved in the same way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import combinations, count

from scheduler.domain.planner.bitsets import span
from scheduler.domain.planner.costs import NEVER, Pricing
from scheduler.domain.planner.coupled import CoupledTables
from scheduler.domain.planner.course import Course, Step
from scheduler.domain.planner.gaps import Ruler
from scheduler.domain.planner.pruning import worthwhile
from scheduler.domain.planner.search import Budget, Chosen, Search
from scheduler.domain.planner.slotmap import SlotMap
from scheduler.domain.planner.tables import Rows, Tables
from scheduler.domain.planner.weights import Weights
from scheduler.domain.plans import Unit

FIRST_DAYS = 28  # days beyond a course's ideal length that are looked at first
FIRST_SLACK = 10  # days beyond each step's first start that are looked at first
EASY = 120  # states to open on the plain tables before the tighter ones are worked out
STATES = 20_000
CASES = 300


@dataclass(frozen=True, slots=True)
class Solution:
    """Starts by step; `therapist` is the course's own, where there is a choice."""

    cells: Mapping[Step, int]
    cost: int
    therapist: int | None
    proven: bool


class Optimum:
    """Solves one course for chosen start sets; `therapists` restricts who may be the course's own."""

    def __init__(self, course: Course, ruler: Ruler, pricing: Pricing, weights: Weights) -> None:
        self.course, self.ruler, self.pricing, self.weights = course, ruler, pricing, weights
        self.grid = ruler.grid
        self._candidates: list[int] | None = None

    def therapists(self) -> list[int]:
        """Return the candidates for the course's own therapist; none if fewer than two steps ask for one."""
        if self._candidates is None:
            self._candidates = self._all_therapists()
        return self._candidates

    def _all_therapists(self) -> list[int]:
        asking = [free for step in self.course.steps if (free := self.pricing.therapists_of(step))]
        if len(asking) < 2:
            return []
        return list(dict.fromkeys(therapist for free in asking for therapist in free))

    def best(self, starts: Mapping[Step, int], therapists: list[int] | None = None) -> Solution | None:
        """Return the cheapest complete placement, or None if there is none."""
        candidates = self.therapists() if therapists is None else therapists
        budget = Budget(STATES)
        order = count()
        root = self._relaxed(starts, candidates, budget)
        queue: list[tuple[int, int, Solution, Mapping[Step, int]]] = []
        if root:
            heappush(queue, (root.cost, next(order), root, starts))
        for _ in range(CASES):
            if not queue:
                return None
            _, _, found, sets = heappop(queue)
            clash = self._clash(found.cells)
            if clash is None:
                return found if not budget.spent else _unproven(found)
            for case in self._cases(*clash, found.cells, sets):
                solved = self._relaxed(case, candidates, budget)
                if solved:
                    heappush(queue, (solved.cost, next(order), solved, case))
        return None

    def _clash(self, cells: Mapping[Step, int]) -> tuple[Step, Step, bool] | None:
        for first, second in self.course.order:
            if cells[first] + self.course.apart(first, second) > cells[second]:
                return first, second, False
        placed = sorted(cells, key=lambda step: cells[step])
        for first, second in combinations(placed, 2):
            if cells[second] - cells[first] >= self.grid.width:
                continue
            if cells[first] + self.course.apart(first, second) > cells[second]:
                return first, second, True
        return None

    def _cases(
        self, first: Step, second: Step, either: bool, cells: Mapping[Step, int], sets: Mapping[Step, int]
    ) -> Iterator[Mapping[Step, int]]:
        yield from self._in_order(first, second, cells, sets)
        if either:
            yield from self._in_order(second, first, cells, sets)

    def _in_order(
        self, first: Step, second: Step, cells: Mapping[Step, int], sets: Mapping[Step, int]
    ) -> Iterator[Mapping[Step, int]]:
        """Yield cases that together hold every plan with `first` over before `second`, and none as in `cells`."""
        apart = self.course.apart(first, second)
        middle = (cells[second] + 1 + cells[first] + apart) // 2
        late = span(middle, self.grid.size)
        yield {**sets, second: sets[second] & late}
        early = span(0, max(middle - apart, 0))
        yield {**sets, second: sets[second] & ~late, first: sets[first] & early}

    def _relaxed(self, starts: Mapping[Step, int], therapists: list[int], budget: Budget) -> Solution | None:
        """Solve without regard to clashes, in as many days as it takes to be sure."""
        days = self._first_days(starts)
        while True:
            cut = span(0, days * self.grid.width)
            near = {step: cells & cut for step, cells in starts.items()}
            found = self._in_days(near, therapists, budget)
            if days >= self.grid.days:
                return found
            needed = self._days_needed(found.cost) if found else 2 * days
            if found and needed <= days:
                return found
            days = min(max(needed, days + 7), self.grid.days)

    def _first_days(self, starts: Mapping[Step, int]) -> int:
        """Return how many days to look at first: what the course takes at its ideal pace, and some weeks more."""
        first = min(
            ((cells & -cells).bit_length() // self.grid.width for cells in starts.values() if cells),
            default=0,
        )
        pace = 0
        for step in self.course.steps:
            if step.on_line and step.offset is not None:
                hours = step.offset.unit is Unit.HOURS
                pace += step.offset.target // 24 if hours else step.offset.target * 7 // 5
        return min(first + pace + FIRST_DAYS, self.grid.days)

    def _days_needed(self, cost: int) -> int:
        """Return how many days hold every plan that costs at most `cost`."""
        last: dict[Step, int] = {}
        limits = self._limits(cost)
        for step in self.course.steps:
            if step.on_line:
                last[step] = limits.get(step, self.grid.days)
            elif step.parent is not None:
                last[step] = self.ruler.last_row(step.offset, last[step.parent])
            elif step.anchor is not None and step.offset is not None:
                last[step] = self.ruler.anchor_range(step.offset, step.anchor)[1] // self.grid.width
            else:
                last[step] = self.grid.days
        return max(last.values(), default=0) + 1

    def _in_days(self, starts: Mapping[Step, int], therapists: list[int], budget: Budget) -> Solution | None:
        slots = SlotMap(self.course, starts, self.ruler)
        if not slots.complete:
            return None
        slack = FIRST_SLACK
        while True:
            rows = self._rows(slots, {step: slots.first_row(step) + slack for step in self.course.steps})
            found = self._within(slots, rows, therapists, budget)
            if found:
                break
            if all(rows[step][1] > slots.last_row(step) for step in self.course.steps):
                return None
            slack *= 3
        limits = self._limits(found.cost)
        if _covered(limits, rows, slots):
            return found
        if len(therapists) > 1:
            limits = self._narrowed(slots, limits, found.cost)
            if _covered(limits, rows, slots):
                return found
        return self._within(slots, self._rows(slots, limits), therapists, budget, found) or found

    def _narrowed(self, slots: SlotMap, limits: dict[Step, int], cost: int) -> dict[Step, int]:
        """Return tighter limits, from tables that leave the choice of therapist open."""
        tables = Tables(self.course, slots, self.pricing, self.weights, self._rows(slots, limits), [])
        last = worthwhile(tables, cost)
        return {step: min(limit, last.get(step, limit)) for step, limit in limits.items()}

    def _rows(self, slots: SlotMap, last: Mapping[Step, int]) -> Rows:
        rows: dict[Step, tuple[int, int]] = {}
        for step in self.course.steps:
            past = slots.last_row(step) + 1
            if step.on_line and step in last:
                past = min(past, last[step] + 1)
            elif step.parent is not None:
                past = min(past, self.ruler.last_row(step.offset, rows[step.parent][1] - 1) + 1)
            first = slots.first_row(step)
            rows[step] = (first, max(past, first + 1))
        return rows

    def _limits(self, cost: int) -> dict[Step, int]:
        """Return, for each step on the line, the last day on which a plan that costs at most `cost` can have it."""
        weights = self.weights
        if weights.completion_day <= 0 or self.course.finish is None:
            return {step: self.grid.days for step in self.course.steps if step.on_line}
        limits: dict[Step, int] = {}
        least = 0
        step: Step | None = self.course.finish
        today = self.grid.row_of(self.pricing.request.not_before)
        while step is not None:
            limits[step] = today + (cost - least) // weights.completion_day
            if step.offset is not None:
                least += _least_gap(step, weights)
            step = step.parent
        return limits

    def _within(
        self, slots: SlotMap, rows: Rows, therapists: list[int], budget: Budget, known: Solution | None = None
    ) -> Solution | None:
        for make, states in ((Tables, EASY), (CoupledTables, STATES)):
            tables = make(self.course, slots, self.pricing, self.weights, rows, therapists)
            limited = Budget(min(states, budget.left))
            best = self._cheapest(tables, therapists, limited, known)
            if not limited.spent:
                break
        budget.left -= STATES if limited.spent else 0
        return best

    def _cheapest(
        self, tables: Tables, therapists: list[int], budget: Budget, known: Solution | None
    ) -> Solution | None:
        """Return the best over all candidates for the course's own therapist, if it costs less than the known one."""
        least = tables.floor()
        lines = range(max(len(therapists), 1))
        floors = [int(least[min(line, len(least) - 1)]) for line in lines]
        best = None
        bound = min(known.cost, int(NEVER)) if known else int(NEVER)
        for line in sorted(lines, key=lambda line: floors[line]):
            if floors[line] >= bound:
                break
            found = self._line(Search(tables, line, budget), bound)
            if found and found[0] < bound:
                bound = found[0]
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
    return min(
        weights.completion_day * days + weights.gap_day * abs(days - offset.target)
        for days in range(offset.min, offset.max + 1)
    )


def _unproven(solution: Solution) -> Solution:
    return Solution(solution.cells, solution.cost, solution.therapist, False)
