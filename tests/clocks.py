"""Clocks for tests: none reads the date of the machine, so a suite passes on every day.

Services take `now` as an argument. What asks the app's clock gets NOW, a Monday morning, unless a test sets it.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

NOW = datetime(2026, 11, 23, 13, 0, tzinfo=UTC)
"""08:00 in New York on a Monday."""

ODD_DAYS = {
    "a Sunday": datetime(2026, 12, 6, 15, 0, tzinfo=UTC),
    "a leap day": datetime(2028, 2, 29, 15, 0, tzinfo=UTC),
    "the clocks go forward": datetime(
        2027, 3, 14, 6, 30, tzinfo=UTC
    ),  # 01:30 in New York, half an hour before
    "the clocks go back": datetime(2026, 11, 1, 5, 30, tzinfo=UTC),  # the first 01:30 in New York of two
}
on_odd_days = pytest.mark.parametrize("now", ODD_DAYS.values(), ids=ODD_DAYS)


class StandingClock:
    """A clock of an app that shows one time until a test sets another."""

    def __init__(self, time: datetime = NOW) -> None:
        self.time = time

    def now(self) -> datetime:
        return self.time

    def wall(self) -> datetime:
        return self.time

    def offset(self) -> timedelta:
        return timedelta()


class ShiftedClock(StandingClock):
    """A standing clock of an app whose machine still shows NOW: no time has passed for the limits of sessions."""

    def wall(self) -> datetime:
        return NOW


def travel(clock_file: Path, now: datetime) -> None:
    """Let the processes that read the file believe that it is `now`; from there their time goes on."""
    fresh = clock_file.with_suffix(".new")
    fresh.write_text(str((now - datetime.now(UTC)).total_seconds()))
    fresh.replace(clock_file)
