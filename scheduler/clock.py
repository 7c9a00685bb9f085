"""What time it is. Only interfaces ask; everything below takes `now` as an argument.

CLOCK_FILE (demo and test only) names a file that holds an offset in seconds. It is read again at every question, so a
test can let every process of a running system travel in time.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic

from flask import current_app


class Clock:
    """Wall time in UTC, shifted by the offset in a file if there is one."""

    def __init__(self, offset_file: Path | None = None) -> None:
        self.offset_file = offset_file

    def now(self) -> datetime:
        return self.wall() + self.offset()

    def wall(self) -> datetime:
        """Return the machine's time without the offset: for signs of life and schedules of this process."""
        return datetime.now(UTC)

    def offset(self) -> timedelta:
        if self.offset_file is None:
            return timedelta()
        try:
            text = self.offset_file.read_text().strip()
        except FileNotFoundError:
            return timedelta()
        return timedelta(seconds=float(text or 0))


class JumpWatch:
    """By how much this process's wall clock runs ahead of its monotonic one since the last look: a jump, not downtime.

    The offset of CLOCK_FILE is left out: a test that travels does not break the clock.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._wall, self._steady = clock.wall(), monotonic()

    def __call__(self) -> timedelta:
        wall, steady = self._clock.wall(), monotonic()
        jump = (wall - self._wall) - timedelta(seconds=steady - self._steady)
        self._wall, self._steady = wall, steady
        return jump


def now() -> datetime:
    """Return the running app's time: an aware instant in UTC."""
    clock: Clock = current_app.extensions["clock"]
    return clock.now()


def wall() -> datetime:
    """Return the machine's own time, for the age of signs of life: an aware instant in UTC."""
    clock: Clock = current_app.extensions["clock"]
    return clock.wall()
