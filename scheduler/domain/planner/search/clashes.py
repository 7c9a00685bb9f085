"""Visits of one patient that get in each other's way, and the cases that are left when a clash is ruled out.

Every plan belongs to one of the cases, and none of them holds the placement that clashed. Where the visits of a day
cannot all be on that day in any order, one of them is on another day; else one of two is earlier or the other later.
Visits whose phases overlap without the patient (a room is prepared, notes are written) may also lack a resource for
both: then they are further apart, or at starts at which there is one for each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations

from scheduler.domain.planner.grid.bitsets import earlier, span
from scheduler.domain.planner.grid.demands import Demand
from scheduler.domain.planner.search.course import CourseTree, Step

Sets = Mapping[Step, int]
Distance = Callable[[Step, Step], int]
MOST_CROWDED = 4  # visits of a day whose orders are all tried


@dataclass(frozen=True, slots=True)
class Clash:
    """Two steps, the first placed earlier or meant to be; `either` tells whether the second might also come first."""

    first: Step
    second: Step
    either: bool


@dataclass(frozen=True, slots=True)
class Shortage:
    """Steps, in order of time, whose phases overlap at starts at which there are no resources for all of them."""

    steps: tuple[Step, ...]


class Clashes:
    """Finds and rules out the clashes of one course's placements."""

    def __init__(self, course: CourseTree) -> None:
        self.course, self.starts = course, course.starts
        self.grid = course.gap_ranges.grid

    def find(self, cells: Mapping[Step, int]) -> Clash | Shortage | None:
        """Return a clash of this placement, if there is one."""
        for first, second in self.course.order:
            if cells[first] + self.course.apart(first, second) > cells[second]:
                return Clash(first, second, either=False)
        placed = sorted(cells, key=lambda step: cells[step])
        for first, second in combinations(placed, 2):
            if cells[second] - cells[first] >= self.grid.width:
                continue
            if cells[first] + self.course.apart(first, second) > cells[second]:
                return Clash(first, second, either=True)
        return self._shortage(cells)

    def _shortage(self, cells: Mapping[Step, int]) -> Shortage | None:
        for crowd in overlapping(cells):
            for some in (*combinations(crowd, 2), crowd):
                if len(some) > 1 and not self.together(some, cells):
                    return Shortage(some)
        return None

    def together(self, steps: Sequence[Step], cells: Mapping[Step, int]) -> bool:
        """Tell whether these steps find their resources at these cells, all others left aside."""
        first = cells[steps[0]]
        visits = tuple((self._demand(step), cells[step] - first) for step in steps)
        # the set is of starts of the first visit; the others are a fixed number of cells later
        return bool(self.starts.together(visits) >> first & 1)

    def _demand(self, step: Step) -> Demand:
        return self.starts.demand(step.action)

    def without(self, clash: Clash | Shortage, cells: Mapping[Step, int], sets: Sets) -> Iterator[Sets]:
        """Yield cases that together hold every plan without this clash, and none as in `cells`."""
        if isinstance(clash, Shortage):
            yield from self._supplied(clash.steps, cells, sets)
            return
        row = cells[clash.first] // self.grid.width
        crowd = self._crowd(clash, row, cells, sets)
        if crowd:
            yield from self._elsewhere(crowd, row, sets)
            return
        yield from self._in_order(clash.first, clash.second, cells, sets, self.course.apart)
        if clash.either:
            yield from self._in_order(clash.second, clash.first, cells, sets, self.course.apart)

    def _supplied(self, steps: tuple[Step, ...], cells: Mapping[Step, int], sets: Sets) -> Iterator[Sets]:
        """Yield cases that hold every plan in which these steps find their resources."""
        if len(steps) > 2:
            for number, step in enumerate(steps):
                # those before stay at their cell, this one leaves it: the cases are disjoint
                here = {other: sets[other] & 1 << cells[other] for other in steps[:number]}
                yield {**sets, **here, step: sets[step] & ~(1 << cells[step])}
            return
        first, second = steps
        yield from self._in_order(first, second, cells, sets, clear_of)
        yield from self._in_order(second, first, cells, sets, clear_of)
        at, firsts, seconds, besides = cells[first], 0, 0, 0
        for by in self.overlaps(first, second):
            both = self.supplied(first, second, by, sets)
            firsts |= both
            seconds |= earlier(both, -by)
            # with the first where it is, the second may start `by` cells later
            if both >> at & 1:
                besides |= 1 << at + by
        if besides:
            yield {**sets, first: 1 << at, second: besides}
        # and all other starts of the first, with any second that suits some of them
        if firsts & ~(1 << at):
            yield {**sets, first: firsts & ~(1 << at), second: seconds}

    def overlaps(self, first: Step, second: Step) -> Iterator[int]:
        """Yield by how much later `second` may start so that phases overlap and the patient is not in two places."""
        for by in range(1 - clear_of(second, first), clear_of(first, second)):
            if by >= first.attended or -by >= second.attended:
                yield by

    def supplied(self, first: Step, second: Step, by: int, sets: Sets) -> int:
        """Return the starts of `first` at which `second` may start `by` cells later, with resources for both."""
        cells = sets[first] & earlier(sets[second], by)
        return (
            cells & self.starts.together(((self._demand(first), 0), (self._demand(second), by)))
            if cells
            else 0
        )

    def _crowd(
        self, clash: Clash, row: int, cells: Mapping[Step, int], sets: Sets
    ) -> tuple[Step, ...] | None:
        """Return the fewest visits of the day, the two that clash among them, that cannot all be on it."""
        on_day = [step for step, cell in cells.items() if cell // self.grid.width == row]
        if clash.second not in on_day:
            return None
        others = [step for step in on_day if step not in (clash.first, clash.second)]
        for more in range(MOST_CROWDED - 1):
            for some in combinations(others, more):
                crowd = (clash.first, clash.second, *some)
                if not self._fit(crowd, row, sets):
                    return crowd
        return None

    def _fit(self, crowd: Sequence[Step], row: int, sets: Sets) -> bool:
        """Tell whether these visits can all be on one day, in some order."""
        day = self.grid.rows((row,))
        starts = {step: sets[step] & day for step in crowd}
        return any(self._fit_in(order, starts) for order in permutations(crowd))

    def _fit_in(self, order: Sequence[Step], starts: Sets) -> bool:
        placed: list[tuple[Step, int]] = []
        for step in order:
            least = max((cell + self.course.apart(other, step) for other, cell in placed), default=0)
            # drop the cells that are too early; the lowest one left is the earliest start
            left = starts[step] >> least
            if not left:
                return False
            placed.append((step, least + (left & -left).bit_length() - 1))
        return True

    def _elsewhere(self, crowd: Sequence[Step], row: int, sets: Sets) -> Iterator[Sets]:
        """Yield cases in each of which another one is the first of the crowd that is not on the day."""
        day = self.grid.rows((row,))
        for number, step in enumerate(crowd):
            here = {other: sets[other] & day for other in crowd[:number]}
            yield {**sets, **here, step: sets[step] & ~day}

    def _in_order(
        self, first: Step, second: Step, cells: Mapping[Step, int], sets: Sets, distance: Distance
    ) -> Iterator[Sets]:
        """Yield cases that together hold every plan with `second` so far after `first`, and none as in `cells`."""
        apart = distance(first, second)
        middle = (cells[second] + 1 + cells[first] + apart) // 2
        late = span(middle, self.grid.size)
        yield {**sets, second: sets[second] & late}
        early = span(0, max(middle - apart, 0))
        # the second before the middle, so the first early enough for it
        yield {**sets, second: sets[second] & ~late, first: sets[first] & early}


def clear_of(first: Step, second: Step) -> int:
    """Return how many ticks after the start of `first` all of its phases are over before any of `second`."""
    return first.length_from_start + second.lead


def overlapping(cells: Mapping[Step, int]) -> Iterator[tuple[Step, ...]]:
    """Yield the steps whose phases overlap, with or without the patient, in groups in order of time."""
    crowd: list[Step] = []
    over = -1
    for step in sorted(cells, key=lambda step: cells[step] - step.lead):
        if cells[step] - step.lead >= over:
            if len(crowd) > 1:
                yield tuple(crowd)
            crowd = []
        crowd.append(step)
        over = max(over, cells[step] + step.length_from_start)
    if len(crowd) > 1:
        yield tuple(crowd)
