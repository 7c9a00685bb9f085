"""The planner's grid: clinic-local days in rows of five-minute cells.

A row covers the clinic's open band (the same wall-clock stretch every day) and ends with one spare cell that is never
free. A cell is a wall-clock time, so a gap in days is a difference of rows and 10:00 stays 10:00 across a clock change;
`utc` gives each cell's instant in ticks since 1970, so elapsed time is a difference of those. Wall-clock times that do
not exist, or happen twice, are never free: a visit that would span a clock change is not offered.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from scheduler.domain.localtime import AmbiguousTime, NonexistentTime, to_utc
from scheduler.domain.planner.grid.bitsets import from_bools, indexes, span, spans
from scheduler.domain.plans import TICK
from scheduler.domain.windows import Window

TICK_SECONDS = int(TICK.total_seconds())
FEW = 50  # stretches that are joined one by one
DAY_TICKS = 24 * 60 * 60 // TICK_SECONDS

Ticks = NDArray[np.int64]


def ticks(length: timedelta) -> int:
    """Return a length in ticks, rounded up."""
    return -(-length // TICK)


def floor_tick(instant: datetime) -> int:
    """Return the number of the tick since 1970 in which the instant lies."""
    return int(instant.timestamp() // TICK_SECONDS)


def ceil_tick(instant: datetime) -> int:
    return int(-(-instant.timestamp() // TICK_SECONDS))


def instant_of(tick: int) -> datetime:
    return datetime.fromtimestamp(tick * TICK_SECONDS, UTC)


def seconds(instants: Collection[datetime]) -> NDArray[np.float64]:
    """Return instants in seconds since 1970."""
    # a year of a large clinic is hundreds of thousands: no step of this is Python's
    return np.fromiter(map(datetime.timestamp, instants), np.float64, len(instants))


class Grid:
    """`days` rows from `first_on`, each of the wall-clock band from `opens` to `closes` (24:00 when it is 00:00)."""

    def __init__(
        self, zone: ZoneInfo, first_on: date, days: int, opens: time = time.min, closes: time = time.min
    ) -> None:
        self.zone, self.first_on, self.days = zone, first_on, days
        self.low = (opens.hour * 60 + opens.minute) * 60 // TICK_SECONDS
        self.high = -(-(closes.hour * 60 + closes.minute) * 60 // TICK_SECONDS) or DAY_TICKS
        self.width = self.high - self.low + 1
        self.size = days * self.width
        self.utc, self.real = self._instants()
        # Filled by gaps.py without a lock: two threads would store equal values.
        self.bounds: dict[tuple[int, int, int], tuple[Ticks, Ticks]] = {}  # of gaps in hours, by gaps.py

    def _instants(self) -> tuple[Ticks, int]:
        midnights = [
            datetime.combine(self.first_on + timedelta(days=d), time.min) for d in range(self.days + 1)
        ]
        offsets = [midnight.replace(tzinfo=self.zone).utcoffset() or timedelta() for midnight in midnights]
        bases = [
            floor_tick(midnight.replace(tzinfo=UTC) - offset)
            for midnight, offset in zip(midnights, offsets, strict=True)
        ]
        utc = np.array(bases[:-1], np.int64)[:, None] + np.arange(self.low, self.high + 1)
        real = np.ones((self.days, self.width), np.bool_)
        real[:, -1] = False
        for day in range(self.days):
            if offsets[day] != offsets[day + 1]:
                utc[day], real[day, :-1] = self._changing_day(day)
        return np.maximum.accumulate(utc.ravel()), from_bools(real)

    def _changing_day(self, day: int) -> tuple[Ticks, list[bool]]:
        midnight = datetime.combine(self.first_on + timedelta(days=day), time.min)
        instants, real = [], []
        for tick in range(self.low, self.high + 1):
            local = midnight + tick * TICK
            try:
                instants.append(floor_tick(to_utc(local, self.zone)))
                real.append(True)
            except AmbiguousTime as twice:
                instants.append(floor_tick(twice.choices[0]))
                real.append(False)
            except NonexistentTime:
                instants.append(floor_tick(local.replace(tzinfo=self.zone, fold=1)))
                real.append(False)
        return np.array(instants, np.int64), real[:-1]

    @cached_property
    def row(self) -> int:
        """The cells of the first day."""
        return span(0, self.width)

    @cached_property
    def openings(self) -> Ticks | None:
        """The instants of the rows' first cells; None if a clock changes within the band of some day."""
        by_row = self.utc.reshape(self.days, self.width)
        regular = (by_row - by_row[:, :1] == np.arange(self.width)).all()
        return by_row[:, 0] if regular else None

    @cached_property
    def columns(self) -> int:
        """The first cell of every day."""
        return spans((day * self.width, day * self.width + 1) for day in range(self.days))

    def on(self, row: int) -> date:
        return self.first_on + timedelta(days=row)

    def row_of(self, on: date) -> int:
        """Return the row of a date; outside 0..days - 1 the date is not on the grid."""
        return (on - self.first_on).days

    def instant(self, cell: int) -> datetime:
        return instant_of(int(self.utc[cell]))

    def wall(self, cell: int) -> time:
        """Return the wall-clock time of a cell."""
        minutes = (self.low + cell % self.width) * TICK_SECONDS // 60
        return time(minutes // 60 % 24, minutes % 60)

    def tick_of(self, wall: time) -> int:
        """Return the place in a row of the first cell at or after a wall-clock time, within 0..width - 1."""
        tick = -(-(wall.hour * 3600 + wall.minute * 60 + wall.second) // TICK_SECONDS) - self.low
        return min(max(tick, 0), self.width - 1)

    def cells(self, cells: int) -> list[int]:
        """Return the members of a set of cells, in order."""
        return list(indexes(cells & self.real))

    def cell(self, instant: datetime) -> int | None:
        """Return the cell that starts exactly at this instant, if there is one."""
        if instant.timestamp() % TICK_SECONDS:
            return None
        tick = floor_tick(instant)
        first, past = np.searchsorted(self.utc, (tick, tick + 1)).tolist()
        # two cells share an instant at a clock change: the real one is meant
        return next((at for at in range(first, past) if self.real >> at & 1), None)

    def inside(self, windows: Iterable[Window]) -> int:
        """Return the cells that lie wholly within a window."""
        listed = list(windows)
        starts = seconds([window.start for window in listed])
        ends = seconds([window.end for window in listed])
        return self._cells(-(-starts // TICK_SECONDS), ends // TICK_SECONDS) & self.real

    def touched(self, windows: Iterable[Window]) -> int:
        """Return the cells that a window touches."""
        listed = list(windows)
        return self.touched_between([one.start for one in listed], [one.end for one in listed])

    def touched_between(self, starts: Collection[datetime], ends: Collection[datetime]) -> int:
        """Return the cells that stretches from these starts to these ends touch."""
        return self._cells(seconds(starts) // TICK_SECONDS, -(-seconds(ends) // TICK_SECONDS))

    def _cells(self, starts: NDArray[np.float64], ends: NDArray[np.float64]) -> int:
        """Return the cells of these stretches of ticks, each up to but not including its end."""
        firsts, pasts = np.searchsorted(self.utc, starts), np.searchsorted(self.utc, ends)
        if len(firsts) < FEW:
            return spans(zip(firsts.tolist(), pasts.tolist(), strict=True))
        # One large set for each stretch would cost too much: count where stretches start and end instead.
        change = np.bincount(firsts, minlength=self.size + 1)
        change -= np.bincount(np.maximum(firsts, pasts), minlength=self.size + 1)
        return from_bools(np.cumsum(change[:-1]) > 0)

    def days_in(self, weekdays: frozenset[int]) -> int:
        """Return the cells of the days with these ISO weekdays."""
        first = self.first_on.isoweekday()
        return self.rows(row for row in range(self.days) if (first + row - 1) % 7 + 1 in weekdays)

    def rows(self, rows: Iterable[int]) -> int:
        """Return the cells of whole days."""
        return spans((row * self.width, (row + 1) * self.width) for row in rows if 0 <= row < self.days)

    def band(self, start: int, end: int) -> int:
        """Return the cells of every day from place `start` up to, not including, place `end` of its row."""
        return self.columns * span(max(start, 0), min(end, self.width)) if end > start else 0
