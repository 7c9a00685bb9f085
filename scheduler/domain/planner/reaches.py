"""Gaps taken apart by days: which cells of the row so many days later belong to a gap, for all rows at once.

A gap in days is whole rows; a gap in hours is whole rows in its middle and parts of rows at its ends, the same parts
for every row whose clock does not change in between, and others for those whose clock does.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from scheduler.domain.planner.bitsets import from_bools
from scheduler.domain.planner.gaps import HOUR_TICKS, Gap, Ruler
from scheduler.domain.planner.grid import DAY_TICKS, Grid
from scheduler.domain.planner.rowbits import RowBits
from scheduler.domain.plans import Unit

EVERYWHERE = -1
Key = tuple[Unit, int, int, int, int]
MOST_FEW = 8  # rows that are worth an arithmetic of their own, such as those around a clock change


@dataclass(frozen=True, slots=True)
class Reach:
    """Of the row `days` later, what is from `low` to `high` places further along the row, for some rows' parents.

    `rows` are those rows' first cells and `cells` all of theirs, or both are EVERYWHERE. Where they are few, `few` is
    the arithmetic of only so many rows, from the row `first` on.
    """

    days: int
    low: int
    high: int
    rows: int = EVERYWHERE
    cells: int = EVERYWHERE
    first: int = 0
    few: RowBits | None = None

    def whole(self, width: int) -> bool:
        """Tell whether any place of the row will do."""
        return self.low <= 2 - width and self.high >= width - 2

    def children(self, bits: RowBits, parents: int) -> int:
        """Return the cells that some of these parents reach."""
        if self.cells != EVERYWHERE:
            parents &= self.cells
        if not parents:
            return 0
        start = self.first * bits.width
        near = (self.few or bits).near(parents >> start, self.low, self.high)
        return near << start + self.days * bits.width

    def parents(self, bits: RowBits, children: int) -> int:
        """Return the cells from which some of these children are reached."""
        if self.few is None:
            found = bits.near(children, -self.high, -self.low) >> self.days * bits.width
            return found if self.cells == EVERYWHERE else found & self.cells
        start = self.first * bits.width
        there = children >> start + self.days * bits.width & self.few.everything
        return self.few.near(there, -self.high, -self.low) << start & self.cells


# As long as the grid, or the ruler where working days count.
_kept: WeakKeyDictionary[Grid | Ruler, dict[Key, tuple[Reach, ...]]] = WeakKeyDictionary()


def reaches(ruler: Ruler, gap: Gap) -> tuple[Reach, ...] | None:
    """Return the parts of a gap, whole rows first; None where a clock changes while the clinic is open."""
    grid, offset = ruler.grid, gap.offset
    if gap.in_hours and grid.openings is None:
        return None
    of_whom: Grid | Ruler = ruler if offset.unit is Unit.WORKING_DAYS else grid
    kept = _kept.setdefault(of_whom, {})
    key = (offset.unit, offset.min, offset.max, gap.apart, gap.from_end)
    known = kept.get(key)
    if known is None:
        parts = _in_hours(grid, gap) if gap.in_hours else _in_days(ruler, gap)
        known = kept[key] = tuple(sorted(parts, key=lambda part: not part.whole(grid.width)))
    return known


def _in_days(ruler: Ruler, gap: Gap) -> Iterable[Reach]:
    grid, offset = ruler.grid, gap.offset
    farthest = grid.width
    if offset.unit is Unit.DAYS:
        for days in range(max(offset.min, 0), min(offset.max, grid.days) + 1):
            yield Reach(days, -farthest if days else gap.apart, farthest)
        return
    rows = np.arange(grid.days)
    firsts, lasts = ruler.rows(offset)
    some = firsts <= lasts
    if not some.any():
        return
    for days in range(max(int((firsts - rows)[some].min()), 0), int((lasts - rows)[some].max()) + 1):
        within = (firsts <= rows + days) & (rows + days <= lasts)
        if within.any():
            yield _from_rows(grid, days, -farthest if days else gap.apart, farthest, within)


def _in_hours(grid: Grid, gap: Gap) -> Iterable[Reach]:
    openings = grid.openings
    if openings is None:
        raise ValueError("a clock changes while the clinic is open")
    farthest = grid.width
    least = gap.from_end + gap.offset.min * HOUR_TICKS
    most = gap.from_end + gap.offset.max * HOUR_TICKS
    for days in range(min(most // DAY_TICKS + 2, grid.days)):
        elapsed = openings[days:] - openings[: grid.days - days]
        low = np.clip(least - elapsed, -farthest, farthest)
        low = np.maximum(low, gap.apart) if days == 0 else low
        high = np.clip(most - elapsed, -farthest, farthest)
        for first, last in set(zip(low.tolist(), high.tolist(), strict=True)):
            if first < farthest and last > -farthest:
                yield _from_rows(grid, days, first, last, (low == first) & (high == last))


def _from_rows(grid: Grid, days: int, low: int, high: int, rows: NDArray[np.bool_]) -> Reach:
    if rows.all():
        return Reach(days, low, high)
    cells = np.zeros((len(rows), grid.width), np.bool_)
    cells[:, 0] = rows
    first_cells = from_bools(cells)
    everything = (first_cells << grid.width) - first_cells
    first, last = np.flatnonzero(rows)[[0, -1]].tolist()
    few = grid.bits(last - first + 1) if last - first < MOST_FEW else None
    return Reach(days, low, high, first_cells, everything, first if few else 0, few)
