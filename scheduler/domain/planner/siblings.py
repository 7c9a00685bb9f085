"""Three or four visits that hang from one, of which all but one are bound by whole days: for the passes over rows.

For each order in which they may come, and for each distance in days from their parent, what comes before leaves the
cells after it: all of a later day, and on the same day those after the first that is left. The visit that is not bound
by days (a therapy session by hours, say) ties the others to its parent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations

from scheduler.domain.planner.course import CourseTree, Group, Step
from scheduler.domain.planner.reaches import EVERYWHERE, Reach
from scheduler.domain.planner.rowbits import RowBits

MOST_ORDERED = 4  # children of one node whose orders are all tried

Days = dict[int, int]  # cells by the distance in days from the parent
Cells = Mapping[Step, int]


@dataclass(frozen=True, slots=True)
class Siblings:
    """The visits that hang from one; `tied` is bound in any way, the others by whole days."""

    course: CourseTree
    reaches: Mapping[Step, tuple[Reach, ...]]
    tied: Step
    orders: tuple[tuple[Step, ...], ...]

    def able(self, bits: RowBits, cells: Cells) -> int:
        """Return the places from which all of them can be reached, each clear of the others."""
        options = self._options(bits, cells)
        fitting: Days = {}
        for order in self.orders:
            at = order.index(self.tied)
            tied = options[self.tied]
            if at > 0:
                before = self._forwards(bits, order[:at], options)[-1]
                tied = self._after(bits, (order[at - 1], before), (self.tied, tied))
            if at + 1 < len(order):
                behind = self._backwards(bits, order[at + 1 :], options)[0]
                tied = self._ahead(bits, (self.tied, tied), (order[at + 1], behind))
            for days, some in tied.items():
                fitting[days] = fitting.get(days, 0) | some
        able = 0
        for reach in self.reaches[self.tied]:
            able |= reach.parents(bits, fitting.get(reach.days, 0))
        return able

    def narrowed(self, bits: RowBits, cells: Cells, parents: int) -> Cells:
        """Return the starts of each that some of these parents reach with room for the others."""
        options = self._options(bits, cells)
        reached: Days = {}
        for reach in self.reaches[self.tied]:
            found = reach.children(bits, parents) & cells[self.tied]
            reached[reach.days] = reached.get(reach.days, 0) | found
        options[self.tied] = reached
        kept = dict.fromkeys(self.reaches, 0)
        for order in self.orders:
            forwards = self._forwards(bits, order, options)
            backwards = self._backwards(bits, order, options)
            for step, early, late in zip(order, forwards, backwards, strict=True):
                for days, some in early.items():
                    kept[step] |= some & late.get(days, 0)
        return kept

    def _options(self, bits: RowBits, cells: Cells) -> dict[Step, Days]:
        options: dict[Step, Days] = {}
        for step, reaches in self.reaches.items():
            days: Days = {}
            for reach in reaches:
                there = cells[step]
                if step is not self.tied and reach.rows != EVERYWHERE:
                    there &= reach.cells << reach.days * bits.width
                days[reach.days] = days.get(reach.days, 0) | there
            options[step] = days
        return options

    def _forwards(self, bits: RowBits, order: Sequence[Step], options: Mapping[Step, Days]) -> list[Days]:
        """Return, for each of the order, its cells that leave room for those before it."""
        chain = [options[order[0]]]
        for step in order[1:]:
            chain.append(self._after(bits, (order[len(chain) - 1], chain[-1]), (step, options[step])))
        return chain

    def _backwards(self, bits: RowBits, order: Sequence[Step], options: Mapping[Step, Days]) -> list[Days]:
        """Return, for each of the order, its cells that leave room for those after it."""
        chain = [options[order[-1]]]
        following = order[-1]
        for step in reversed(order[:-1]):
            chain.append(self._ahead(bits, (step, options[step]), (following, chain[-1])))
            following = step
        return chain[::-1]

    def _after(self, bits: RowBits, earlier: tuple[Step, Days], later: tuple[Step, Days]) -> Days:
        """Return the cells of `later` that come after some cell of `earlier`, for the same parent."""
        (first, befores), (second, afters) = earlier, later
        rows = {days: bits.rows(some) >> days * bits.width for days, some in befores.items()}
        left: Days = {}
        for days, some in afters.items():
            sooner = union(there for distance, there in rows.items() if distance < days)
            kept = some & bits.whole(sooner << days * bits.width)
            if kept != some and befores.get(days):
                kept |= some & bits.slid(bits.since(befores[days]), self.course.apart(first, second))
            left[days] = kept
        return left

    def _ahead(self, bits: RowBits, earlier: tuple[Step, Days], later: tuple[Step, Days]) -> Days:
        """Return the cells of `earlier` that come before some cell of `later`, for the same parent."""
        (first, befores), (second, afters) = earlier, later
        rows = {days: bits.rows(some) >> days * bits.width for days, some in afters.items()}
        left: Days = {}
        for days, some in befores.items():
            further = union(there for distance, there in rows.items() if distance > days)
            kept = some & bits.whole(further << days * bits.width)
            if kept != some and afters.get(days):
                kept |= some & bits.slid(bits.until(afters[days]), -self.course.apart(first, second))
            left[days] = kept
        return left


def siblings(
    course: CourseTree, node: Step, reaches: Mapping[Step, tuple[Reach, ...]], width: int
) -> Siblings | None:
    """Return what hangs from a node as siblings; None if more than one of them is bound by hours."""
    loose = [step for step, some in reaches.items() if not all(reach.whole(width) for reach in some)]
    if len(loose) > 1:
        return None
    orders = tuple(orders_of(node, list(reaches)))
    if not all(_chained(course, order) for order in orders):
        return None
    return Siblings(course, reaches, loose[0] if loose else next(iter(reaches)), orders)


def orders_of(node: Step | Group, children: list[Step]) -> Iterator[tuple[Step, ...]]:
    """Yield the orders of time in which a node's children may come."""
    late = [branch for branch in node.branches if branch.deadline]
    for order in permutations(children):
        if node.next is None or all(order.index(branch) < order.index(node.next) for branch in late):
            yield order


def _chained(course: CourseTree, order: Sequence[Step]) -> bool:
    """Tell whether visits clear of their neighbours in this order are clear of all others too."""
    for at, first in enumerate(order):
        least = 0
        for before, step in zip(order[at:], order[at + 1 :], strict=False):
            least += course.apart(before, step)
            if least < course.apart(first, step):
                return False
    return True


def union(sets: Iterator[int]) -> int:
    together = 0
    for some in sets:
        together |= some
    return together
