"""The slot map's two passes over whole rows at once, on sets as large integers.

For courses in which of the visits that hang from one at most one is not bound by days alone (the next infusion is, its
therapy session is bound by hours). Such visits get in each other's way on one day only, so it is enough to look at each
distance in days: on different days their order is plain, and on one day the first must leave room for the second. The
usual two are done here, more in siblings.py; families.py tells them apart. For all other courses see passes.py, which
gives the same answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scheduler.domain.planner.bitsets import span
from scheduler.domain.planner.course import CourseTree, Group, Step
from scheduler.domain.planner.families import Families, Only, Rows, SiblingPair
from scheduler.domain.planner.gaps import Ruler
from scheduler.domain.planner.reaches import EVERYWHERE, Reach
from scheduler.domain.planner.rowbits import RowBits
from scheduler.domain.planner.siblings import Siblings, orders_of


@dataclass(slots=True)
class Fit:
    """From which rows the days of a pair are in order (`clear`, and as `whole` rows), or may be on the `same` day only,
    by the distance of `one`; and the places `beside` the other on its day, once they are asked for.
    """

    clear: Rows
    same: Rows
    whole: dict[int, int]
    beside: int | None = None


class RowPasses:
    """Surviving starts by step. `emptied` is the first step found to have none, if any."""

    def __init__(
        self, course: CourseTree, starts: Mapping[Step, int], ruler: Ruler, families: Families
    ) -> None:
        self.course, self.ruler, self.families = course, ruler, families
        self.starts, self.cells = starts, dict(starts)
        self._sources: dict[tuple[int, int], tuple[int, int]] = {}  # by set and reach; holds the set too
        self._fits: dict[
            Step, Fit
        ] = {}  # of a pair's second: worked out on the way up, the same on the way down
        size = max((cells.bit_length() for cells in starts.values()), default=0)
        self.bits: RowBits = ruler.grid.bits(-(-size // ruler.grid.width))
        self.emptied: Step | None = None
        self.complete = self._pass_up() and self._pass_down()

    def _pass_up(self) -> bool:
        for step in reversed(self.course.steps):
            family = self.families.get(step)
            if isinstance(family, SiblingPair):
                self.cells[step] &= self._able(family, self.cells[step])
            elif isinstance(family, Siblings):
                self.cells[step] &= family.able(self.bits, self.cells)
            elif family:
                self.cells[step] &= self._reaching(family, self.cells[step])
            if not self.cells[step]:
                self.emptied = step
                return False
        return all(self._keep_after_anchor(group) for group in self.course.groups)

    def _pass_down(self) -> bool:
        for step in self.course.steps:
            family = self.families.get(step)
            if isinstance(family, SiblingPair):
                self._narrow(family, self.cells[step])
            elif isinstance(family, Siblings):
                self.cells.update(family.narrowed(self.bits, self.cells, self.cells[step]))
            elif family:
                self._narrow_only(family, self.cells[step])
        return True

    def _reaching(self, only: Only, parents: int) -> int:
        able = 0
        for reach in only.reaches:
            able |= reach.parents(self.bits, self.cells[only.child])
            if able & parents == parents:
                break
        return able

    def _narrow_only(self, only: Only, parents: int) -> None:
        cells, kept = self.cells[only.child], 0
        for reach in only.reaches:
            kept |= reach.children(self.bits, parents) & cells
            if kept == cells:
                return
        self.cells[only.child] = kept

    def _able(self, pair: SiblingPair, parents: int) -> int:
        fit = self._fit(pair)
        able = self._reached_from(pair, self.cells[pair.one], fit.clear, fit.whole)
        unable = self.bits.rows(parents ^ (parents & able))
        wanted = {days: rows & unable for days, rows in fit.same.items()}
        if any(wanted.values()):
            beside = self.cells[pair.one] & self._beside(pair)
            whole = {days: self.bits.whole(rows) for days, rows in wanted.items() if rows}
            able |= self._reached_from(pair, beside, wanted, whole)
        return able

    def _reached_from(self, pair: SiblingPair, cells: int, wanted: Rows, whole: Mapping[int, int]) -> int:
        """Return the parents, each in the rows `wanted` for the distance, that reach some of the cells.

        `whole` are those rows with all of their cells.
        """
        bits, able, rows = self.bits, 0, 0
        present = bits.rows(cells) if pair.one_whole else 0
        for reach in pair.one_whole:
            some = present >> reach.days * bits.width & wanted[reach.days]
            rows |= some if reach.rows == EVERYWHERE else some & reach.rows
        for reach in pair.one_parts:
            if wanted[reach.days]:
                able |= self._parents(reach, cells) & whole[reach.days]
        return able | bits.whole(rows) if rows else able

    def _parents(self, reach: Reach, cells: int) -> int:
        """Return the cells from which some of these are reached; for one set worked out once."""
        known = self._sources.get((id(cells), id(reach)))
        if known is None:
            known = self._sources[id(cells), id(reach)] = cells, reach.parents(self.bits, cells)
        return known[1]

    def _fit(self, pair: SiblingPair) -> Fit:
        """Return how the days suit each other; no start of `other` goes between the pass up and its turn down."""
        known = self._fits.get(pair.other)
        if known is None:
            clear, same = self._due(pair)
            whole = {days: self.bits.whole(rows) for days, rows in clear.items()}
            known = self._fits[pair.other] = Fit(clear, same, whole)
        return known

    def _due(self, pair: SiblingPair) -> tuple[Rows, Rows]:
        """Return, for each distance of `one`, the rows from which `other` has a start on a day that suits it.

        And those from which `other` has such a start on the same day only.
        """
        rows = self.bits.rows(self.cells[pair.other])
        due: Rows = {}
        for reach in pair.other_reaches:
            some = rows >> reach.days * self.bits.width
            if reach.rows != EVERYWHERE:
                some &= reach.rows
            due[reach.days] = due.get(reach.days, 0) | some
        distances = {reach.days for reach in (*pair.one_whole, *pair.one_parts)}
        clear = {days: pair.clear(due, days) for days in distances}
        same = {days: due.get(days, 0) for days in clear}
        same = {days: some ^ (some & clear[days]) for days, some in same.items()}
        return clear, same

    def _beside(self, pair: SiblingPair) -> int:
        """Return the places for `one` that leave room for some start of `other` on the same day."""
        fit = self._fit(pair)
        if fit.beside is None:
            fit.beside = self._room(
                self.cells[pair.other], pair.other, pair.one, pair.other_first, pair.one_first
            )
        return fit.beside

    def _room(self, cells: int, placed: Step, coming: Step, first: bool, last: bool) -> int:
        """Return the places for `coming` after some cell of `placed` that day (`first`), or before one (`last`)."""
        places = 0
        if first:
            places |= self.bits.slid(self.bits.since(cells), self.course.apart(placed, coming))
        if last:
            places |= self.bits.slid(self.bits.until(cells), -self.course.apart(coming, placed))
        return places

    def _narrow(self, pair: SiblingPair, parents: int) -> None:
        bits, cells = self.bits, self.cells[pair.one]
        fit = self._fit(pair)
        reached = self._reached(pair, parents)
        kept = 0
        for days, some in reached.items():
            if fit.clear[days]:
                kept |= some & fit.whole[days] << days * bits.width
        if kept != cells and any(fit.same.values()):
            beside = self._beside(pair)
            for days, some in reached.items():
                if fit.same[days]:
                    kept |= some & beside & bits.whole(fit.same[days]) << days * bits.width
        self._narrow_other(pair, reached)
        self.cells[pair.one] = kept

    def _reached(self, pair: SiblingPair, parents: int) -> Rows:
        """Return the starts of `one` that the parents reach, by distance."""
        bits, cells = self.bits, self.cells[pair.one]
        reached: Rows = {}
        present = bits.rows(parents) if pair.one_whole else 0
        for reach in pair.one_whole:
            rows = present if reach.rows == EVERYWHERE else present & reach.rows
            found = bits.whole(rows) << reach.days * bits.width & cells
            reached[reach.days] = reached.get(reach.days, 0) | found
        for reach in pair.one_parts:
            found = reach.children(bits, parents) & cells
            reached[reach.days] = reached.get(reach.days, 0) | found
        return reached

    def _narrow_other(self, pair: SiblingPair, reached: Rows) -> None:
        """Keep the starts of `other` that leave room for one of those that were `reached`."""
        bits, cells, rows = self.bits, self.cells[pair.other], 0
        met = {days: bits.rows(some) >> days * bits.width for days, some in reached.items()}
        for reach in pair.other_reaches:
            some = 0
            for days, there in met.items():
                if (pair.one_first and days < reach.days) or (pair.other_first and days > reach.days):
                    some |= there
            if reach.rows != EVERYWHERE:
                some &= reach.rows
            rows |= some << reach.days * bits.width
        kept = cells & bits.whole(rows)
        if kept == cells:
            return
        lacking = bits.whole(bits.rows(cells ^ kept))
        for reach in pair.other_reaches:
            same = reached.get(reach.days, 0) & lacking
            if reach.rows != EVERYWHERE:
                same &= reach.cells << reach.days * bits.width
            if same:
                kept |= cells & self._room(same, pair.one, pair.other, pair.one_first, pair.other_first)
        self.cells[pair.other] = kept

    def _keep_after_anchor(self, group: Group) -> bool:
        """Keep the starts that a fixed action allows; tell whether there are enough."""
        if group.anchor is None:
            return True
        for child in group.children():
            if child.offset is not None:
                low, high = self.ruler.anchor_range(child.offset, group.anchor)
                self.cells[child] &= span(max(low, 0), max(high, 0))
        children = list(group.children())
        if not all(self.cells[child] for child in children):
            return False
        return len(children) < 2 or self._keep_beside(group, children)

    def _keep_beside(self, group: Group, children: list[Step]) -> bool:
        """Keep the starts that leave room for the others, each order's between its earliest and its latest."""
        kept = dict.fromkeys(children, 0)
        for order in orders_of(group, children):
            earliest, latest = self._earliest(order), self._latest(order)
            if earliest and latest:
                for child in order:
                    kept[child] |= self.cells[child] & span(earliest[child], latest[child] + 1)
        self.cells.update(kept)
        return all(kept.values())

    def _earliest(self, order: Sequence[Step]) -> dict[Step, int] | None:
        """Return the first start of each that leaves room for those before it; None if there is none."""
        placed: dict[Step, int] = {}
        for child in order:
            least = max((at + self.course.apart(other, child) for other, at in placed.items()), default=0)
            left = self.cells[child] >> least
            if not left:
                return None
            placed[child] = least + (left & -left).bit_length() - 1
        return placed

    def _latest(self, order: Sequence[Step]) -> dict[Step, int] | None:
        placed: dict[Step, int] = {}
        for child in reversed(order):
            most = min((at - self.course.apart(child, other) for other, at in placed.items()), default=None)
            left = self.cells[child] & (-1 if most is None else span(0, most + 1))
            if not left:
                return None
            placed[child] = left.bit_length() - 1
        return placed
