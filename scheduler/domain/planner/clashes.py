"""Visits of one patient that get in each other's way, and the cases that are left when a clash is ruled out.

Every plan belongs to one of the cases, and none of them holds the placement that clashed. Where the visits of a day
cannot all be on that day in any order, one of them is on another day; else one of two is earlier or the other later.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations

from scheduler.domain.planner.bitsets import span
from scheduler.domain.planner.course import CourseTree, Step
from scheduler.domain.planner.grid import Grid

Sets = Mapping[Step, int]
MOST_CROWDED = 4  # visits of a day whose orders are all tried


@dataclass(frozen=True, slots=True)
class Clash:
    """Two steps, the first placed earlier or meant to be; `either` tells whether the second might also come first."""

    first: Step
    second: Step
    either: bool


class Clashes:
    """Finds and rules out the clashes of one course's placements."""

    def __init__(self, course: CourseTree, grid: Grid) -> None:
        self.course, self.grid = course, grid

    def find(self, cells: Mapping[Step, int]) -> Clash | None:
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
        return None

    def without(self, clash: Clash, cells: Mapping[Step, int], sets: Sets) -> Iterator[Sets]:
        """Yield cases that together hold every plan without this clash, and none as in `cells`."""
        row = cells[clash.first] // self.grid.width
        crowd = self._crowd(clash, row, cells, sets)
        if crowd:
            yield from self._elsewhere(crowd, row, sets)
            return
        yield from self._in_order(clash.first, clash.second, cells, sets)
        if clash.either:
            yield from self._in_order(clash.second, clash.first, cells, sets)

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

    def _in_order(self, first: Step, second: Step, cells: Mapping[Step, int], sets: Sets) -> Iterator[Sets]:
        """Yield cases that together hold every plan with `first` over before `second`, and none as in `cells`."""
        apart = self.course.apart(first, second)
        middle = (cells[second] + 1 + cells[first] + apart) // 2
        late = span(middle, self.grid.size)
        yield {**sets, second: sets[second] & late}
        early = span(0, max(middle - apart, 0))
        yield {**sets, second: sets[second] & ~late, first: sets[first] & early}
