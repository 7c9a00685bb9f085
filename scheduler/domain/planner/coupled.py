"""Tighter tables, for calendars on which branches often fall on the day of the next visit.

The plain tables forget that a branch must be over before the next visit starts. Here that is kept: the gap to the next
visit is taken apart by days, and for each the branch either falls on an earlier day (then nothing couples them) or on
the same day before it. There the next visit is the best one after the branch: later than this visit's time of day a
minimum towards the end of the row, decided by the branch alone; before it the row's own best, which is a lower bound.
Costs more to work out than the plain tables, so it is done only when the search needs it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scheduler.domain.planner.costs import NEVER, Costs
from scheduler.domain.planner.course import Step
from scheduler.domain.planner.gaps import Cells, Gap
from scheduler.domain.planner.pulls import Table, least_in, spread
from scheduler.domain.planner.tables import Tables


@dataclass(frozen=True, slots=True)
class Ahead:
    """The next visit, seen from some starts, on one day of its gap.

    `day` is the first cell of that day, `latest` its last start there (-1: none), `nearest` the least cost of any start
    of the day, `rest` the least cost of one at or after each place of each of the table's rows, plus rhythm x place.
    """

    step: Step
    table: Table
    rhythm: int
    day: Cells
    latest: Cells
    nearest: Costs
    rest: Costs


class CoupledTables(Tables):
    """Tables that know that branches end before the next visit."""

    def below(self, step: Step, cells: Cells) -> Costs:
        following = step.next
        bound = [branch for branch in step.branches if branch.deadline]
        if following is None or not bound or not len(cells) or not len(self.of[following].cells):
            return super().below(step, cells)
        gap = self.ruler.gap(self.course, following)
        if gap.in_hours or any(not len(self.of[branch].cells) for branch in bound):
            return super().below(step, cells)
        total = self._next_with(following, bound, cells)
        for branch in step.branches:
            if not branch.deadline:
                total = total + self.pull(branch, cells)
        return total

    def _next_with(self, following: Step, bound: list[Step], cells: Cells) -> Costs:
        gap = self.ruler.gap(self.course, following)
        table = self.of[following]
        dense = self.pulls.dense(table, 1)
        rhythm = self.weights.rhythm_tick if following.same_series else 0
        slope = rhythm * np.arange(self.grid.width, dtype=np.int64)
        rest = np.minimum.accumulate((dense + slope)[:, :, ::-1], axis=2)[:, :, ::-1]
        near = (
            spread(dense, rhythm) if rhythm else np.broadcast_to(dense.min(axis=2)[:, :, None], dense.shape)
        )
        numbers = self.ruler.day_number(gap.offset)
        rows, ticks = np.divmod(cells, self.grid.width)
        best = np.full((1, len(cells)), NEVER)
        for distance in range(gap.offset.min, gap.offset.max + 1):
            if distance == 0:
                at_once = self.pulls.same_day(dense, rows - table.first, ticks, gap.apart, rhythm)
                costs = at_once + sum(self.pull(one, cells) for one in bound)
            else:
                at = self.pulls.rows_at(numbers, rows, distance, table)
                day = (at + table.first) * self.grid.width
                ahead = Ahead(
                    following,
                    table,
                    rhythm,
                    day,
                    _last(table, day, self.grid.width),
                    near[:, at, ticks],
                    rest,
                )
                costs = self._on_day(ahead, bound, cells)
            best = np.minimum(best, costs + self.weights.gap_day * abs(distance - gap.offset.target))
        return best

    def _on_day(self, ahead: Ahead, bound: list[Step], cells: Cells) -> Costs:
        within = {
            one: self._least(one, cells, ahead.latest - self.course.apart(one, ahead.step) + 1)
            for one in bound
        }
        costs = ahead.nearest + sum(within.values())
        for one in bound:
            earlier = self._least(one, cells, ahead.day)
            shape = (max(len(costs), len(earlier)), len(cells))
            who = np.flatnonzero(
                (np.broadcast_to(earlier > within[one], shape)).any(axis=0) & (ahead.latest >= 0)
            )
            if not len(who):
                continue
            coupled = np.minimum(earlier[:, who] + ahead.nearest[:, who], self._same(one, ahead, cells, who))
            others = sum(least[:, who] for other, least in within.items() if other is not one)
            costs = np.array(np.broadcast_to(costs, (max(len(costs), len(coupled)), len(cells))))
            costs[:, who] = np.maximum(costs[:, who], coupled + others)
        return costs

    def _least(
        self,
        branch: Step,
        cells: Cells,
        past: Cells,
        first: Cells | None = None,
        values: Costs | None = None,
    ) -> Costs:
        """Return the least cost of a branch that starts from `first` up to `past`, its gap included."""
        gap = self.ruler.gap(self.course, branch)
        table = self.of[branch]
        values = table.total if values is None else values
        low, high = self.ruler.range(gap, cells)
        low = low if first is None else np.maximum(low, first)
        high = np.minimum(high, past)
        if gap.in_hours:
            return self.pulls.least_by_hours(gap, table, cells, low, high, values)
        return self._least_by_days(gap, table, cells, low, high, values)

    def _least_by_days(
        self, gap: Gap, table: Table, cells: Cells, low: Cells, high: Cells, values: Costs
    ) -> Costs:
        width = self.grid.width
        numbers = self.ruler.day_number(gap.offset)
        best = np.full((1, len(cells)), NEVER)
        for distance in range(gap.offset.min, gap.offset.max + 1):
            day = np.searchsorted(numbers, numbers[cells // width] + distance) * width
            first = np.searchsorted(table.cells, np.maximum(low, day))
            past = np.searchsorted(table.cells, np.minimum(high, day + width))
            costs = least_in(values, first, past) + self.weights.gap_day * abs(distance - gap.offset.target)
            best = np.minimum(best, costs)
        return best

    def _same(self, branch: Step, ahead: Ahead, cells: Cells, who: Cells) -> Costs:
        """Return the least cost of a branch on the next visit's day together with that visit after it."""
        apart = self.course.apart(branch, ahead.step)
        chosen, day = cells[who], ahead.day[who]
        ticks = chosen % self.grid.width
        # From this level on, the next visit is later in the day than this one.
        level = day + ticks - apart if ahead.rhythm else day
        joint = self.of[branch].total + self._rest_after(branch, ahead, apart)
        later = self._least(branch, chosen, day + self.grid.width, level, joint) - ahead.rhythm * ticks
        if not ahead.rhythm:
            return later
        before = self._least(branch, chosen, level, day) + ahead.nearest[:, who]
        best: Costs = np.minimum(before, later)
        return best

    def _rest_after(self, branch: Step, ahead: Ahead, apart: int) -> Costs:
        """Return, for each start of a branch, the cost of the best visit after it that day, plus rhythm x place."""
        rows, ticks = np.divmod(self.of[branch].cells, self.grid.width)
        rows = rows - ahead.table.first
        spare = ahead.table.past - ahead.table.first
        outside = (rows < 0) | (rows >= spare) | (ticks + apart >= self.grid.width)
        costs: Costs = ahead.rest[:, np.where(outside, spare, rows), np.where(outside, 0, ticks + apart)]
        return costs


def _last(table: Table, day: Cells, width: int) -> Cells:
    """Return the table's last start on each day given by its first cell; -1 where there is none."""
    last = np.searchsorted(table.cells, day + width) - 1
    found = table.cells[np.maximum(last, 0)]
    latest: Cells = np.where((last >= 0) & (found >= day), found, -1)
    return latest
