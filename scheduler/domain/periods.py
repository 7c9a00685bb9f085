"""Periods of clinic-local days that reports count, and the period before for the comparison."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from scheduler.domain.formats import Formats
from scheduler.domain.localtime import day_bounds

DAY, WEEK = timedelta(days=1), timedelta(days=7)
USUAL_WEEKS = 4
PRESETS = {"week": 1, "4-weeks": USUAL_WEEKS, "13-weeks": 13, "52-weeks": 52}  # whole weeks


@dataclass(frozen=True, slots=True)
class Period:
    """The days from `first_on` up to and including `last_on`."""

    first_on: date
    last_on: date

    def __post_init__(self) -> None:
        if self.last_on < self.first_on:
            raise ValueError("a period must not end before it begins")

    @property
    def days(self) -> int:
        return (self.last_on - self.first_on).days + 1

    @property
    def before(self) -> Period:
        """As many days, right before these."""
        return Period(self.first_on - self.days * DAY, self.first_on - DAY)

    @property
    def local_start(self) -> datetime:
        """The first moment by the clinic's own clock."""
        return datetime.combine(self.first_on, time.min)

    @property
    def local_end(self) -> datetime:
        """The moment after the last one by the clinic's own clock."""
        return datetime.combine(self.last_on + DAY, time.min)

    def bounds(self, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """Return the instants in UTC at which it begins and has ended."""
        return day_bounds(self.first_on, zone)[0], day_bounds(self.last_on, zone)[1]

    def holds(self, on: date) -> bool:
        return self.first_on <= on <= self.last_on

    def weeks(self, formats: Formats) -> Iterator[date]:
        """Yield the first day of each week that has a day of the period."""
        on = formats.week_start(self.first_on)
        while on <= self.last_on:
            yield on
            on += WEEK


def whole_weeks(today: date, formats: Formats, weeks: int = USUAL_WEEKS) -> Period:
    """Return the last whole weeks that are over."""
    this_week = formats.week_start(today)
    return Period(this_week - weeks * WEEK, this_week - DAY)
