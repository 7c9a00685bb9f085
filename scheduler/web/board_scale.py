"""From instants to rows of the board: one row is five minutes of the part of the day that is shown.

A place on the board is a class (r13 starts in row 13, s25 spans 25 rows), because the content security policy allows no
inline style. STYLES and WEEK_STYLES are the sheets of these classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from scheduler.domain.localtime import to_local
from scheduler.domain.planner.grid.availability import Availability
from scheduler.domain.plans import TICK
from scheduler.domain.windows import Window
from scheduler.services.day.boards import Day
from scheduler.services.day.weeks import Week

HOUR = timedelta(hours=1)
ROWS = timedelta(hours=25) // TICK
DAY = timedelta(hours=24) // TICK
UNITS = 24
EMPTY_BAND = (time(8), time(18))  # a day on which the clinic is closed


@dataclass(frozen=True)
class Scale:
    """`start` is the instant of the first row."""

    start: datetime
    rows: int

    @property
    def end(self) -> datetime:
        return self.start + self.rows * TICK

    def row(self, instant: datetime) -> int:
        """Return the row in which an instant lies, from 1; what is outside is moved to the edge."""
        return min(max((instant - self.start) // TICK, 0), self.rows) + 1

    def place(self, window: Window) -> str:
        """Return the classes of a stretch of time."""
        first = self.row(window.start)
        return f"r{first} s{max(self.row(window.end) - first, 1)}"

    def shows(self, instant: datetime) -> bool:
        return self.start <= instant < self.end

    @property
    def hours(self) -> list[datetime]:
        """The full hours, for the axis."""
        return [self.start + n * HOUR for n in range(self.rows * TICK // HOUR)]


def scale_of(zone: ZoneInfo, board: Day, free: Availability) -> Scale:
    """Return the scale that shows the opening hours and every visit, in full hours."""
    if free.open:
        starts, ends = [free.grid.instant(0)], [free.grid.instant(free.grid.width - 1)]
    else:
        starts, ends = ([datetime.combine(board.on, edge, zone)] for edge in EMPTY_BAND)
    blocks = [block for column in board.columns for block in column.blocks]
    start = min([*starts, *(block.window.start for block in blocks)])
    end = min(max([*ends, *(block.window.end for block in blocks)]), board.bounds.end + HOUR)
    first = start - timedelta(minutes=to_local(start, zone).minute)
    return Scale(first, -(-(end - first) // HOUR) * HOUR // TICK)


@dataclass(frozen=True)
class WeekScale:
    """The part of the day that every day of a week shows, in full hours of its clock; a column is five minutes."""

    zone: ZoneInfo
    first: int
    last: int

    @property
    def hours(self) -> list[time]:
        return [time(hour % 24) for hour in range(self.first, self.last)]

    @property
    def columns(self) -> int:
        return (self.last - self.first) * HOUR // TICK

    def place(self, window: Window) -> str:
        """Return the classes of a stretch of time; what is outside is moved to the edge."""
        first = self._column(window.start)
        return f"c{first} k{max(self._column(window.end) - first, 1)}"

    def hour(self, wall: time) -> str:
        """Return the classes of the hour that begins at this time."""
        return f"c{(wall.hour - self.first) % 24 * HOUR // TICK + 1} k{HOUR // TICK}"

    def _column(self, instant: datetime) -> int:
        wall = to_local(instant, self.zone)
        since = timedelta(hours=wall.hour - self.first, minutes=wall.minute)
        return min(max(since // TICK, 0), self.columns) + 1


def week_scale_of(zone: ZoneInfo, found: Week) -> WeekScale:
    """Return the scale that shows the opening hours of a week and every visit with a place."""
    grid, walls = found.free.grid, [(time(8), time(18))]
    if found.free.open:
        walls = [(grid.wall(0), grid.wall(grid.width - 2))]
    blocks = [block.window for day in found.days for place in day.places for block in place.blocks]
    walls += [
        (to_local(block.start, zone).time(), to_local(block.end - TICK, zone).time()) for block in blocks
    ]
    return WeekScale(
        zone, min(one.hour for one, _ in walls), max(max(one.hour, two.hour) for one, two in walls) + 1
    )


def _styles() -> str:
    rules = [f".r{n}{{grid-row-start:{n}}}.s{n}{{grid-row-end:span {n}}}" for n in range(1, ROWS + 1)]
    rules += [f".l{n}{{grid-column:{n}}}.w{n}{{grid-column:1/span {n}}}" for n in range(1, UNITS + 1)]
    rules += [f".rows{n}{{grid-template-rows:repeat({n},var(--tick))}}" for n in range(12, ROWS + 1, 12)]
    return "\n".join(rules)


def _week_styles() -> str:
    rules = [f".c{n}{{grid-column-start:{n}}}.k{n}{{grid-column-end:span {n}}}" for n in range(1, DAY + 1)]
    for n in range(1, 25):
        whole = n * HOUR // TICK
        columns = f"grid-template-columns:repeat({whole},minmax(0,1fr));min-width:{n * 3.5}rem"
        rules.append(f".hours{n}{{{columns};--hour:calc(100%/{n})}}")
    return "\n".join(rules)


STYLES = _styles()
WEEK_STYLES = _week_styles()
