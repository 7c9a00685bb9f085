"""Wall-clock time in a clinic's zone, and the way to UTC and back.

People say wall-clock time, arithmetic happens in UTC. Going from wall clock to UTC has two traps at a clock change: a
time that does not exist (spring) is refused with the nearest ones that do, and a time that happens twice (autumn) is
refused unless the caller says which (PEP 495's fold). Nothing is ever guessed.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from scheduler.domain.formats import Formats


class NonexistentTime(ValueError):
    """A wall-clock time that the zone skips; `nearest` are the last time before and the first after the gap."""

    def __init__(self, local: datetime, nearest: tuple[datetime, datetime]) -> None:
        self.local, self.nearest = local, nearest
        super().__init__(f"{local.isoformat()} does not exist")

    def words(self, formats: Formats) -> str:
        """Return the refusal for a person."""
        before, after = map(formats.time, self.nearest)
        return (
            f"{formats.dated_moment(self.local)} does not exist (the clocks change); "
            f"nearest are {before} and {after}"
        )


class AmbiguousTime(ValueError):
    """A wall-clock time that happens twice; `choices` are the two instants, in UTC, in order."""

    def __init__(self, local: datetime, choices: tuple[datetime, datetime]) -> None:
        self.local, self.choices = local, choices
        super().__init__(f"{local.isoformat()} happens twice")

    def words(self, formats: Formats) -> str:
        """Return the refusal for a person."""
        return (
            f"{formats.dated_moment(self.local)} happens twice (the clocks change); say which, with an offset"
        )


def to_utc(local: datetime, zone: ZoneInfo) -> datetime:
    """Return the instant of a naive wall-clock time in `zone`.

    Raises NonexistentTime or AmbiguousTime at a clock change.
    """
    if local.tzinfo is not None:
        raise ValueError("a wall-clock time carries no zone of its own")
    early = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    late = local.replace(tzinfo=zone, fold=1).astimezone(UTC)
    if early == late:
        return early
    if early.astimezone(zone).replace(tzinfo=None) == local:
        raise AmbiguousTime(local, (early, late))
    raise NonexistentTime(local, _around_gap(local, zone))


def to_local(instant: datetime, zone: ZoneInfo) -> datetime:
    """Return the naive wall-clock time of an aware instant in `zone`."""
    if instant.tzinfo is None:
        raise ValueError("an instant must be aware")
    return instant.astimezone(zone).replace(tzinfo=None)


def local_on(instant: datetime, zone: ZoneInfo) -> date:
    """Return the calendar day on which an aware instant falls in `zone`."""
    return instant.astimezone(zone).date()


def to_minute(instant: datetime) -> int:
    """Return an aware instant as whole minutes since 1970, the form in which documents and tokens hold it."""
    return int(instant.timestamp()) // 60


def from_minute(minute: int) -> datetime:
    """Return the UTC instant of so many minutes since 1970."""
    return datetime.fromtimestamp(minute * 60, UTC)


def day_bounds(on: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return the UTC instants at which the local day `on` starts and ends: 23, 24 or 25 hours apart."""
    return _midnight(on, zone), _midnight(on + timedelta(days=1), zone)


def _midnight(on: date, zone: ZoneInfo) -> datetime:
    # Some zones change clocks at midnight: fold 0 of a skipped midnight is the first instant of that day.
    return datetime.combine(on, time.min, tzinfo=zone).astimezone(UTC)


def _around_gap(local: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    before = local.replace(tzinfo=zone, fold=1).astimezone(UTC).astimezone(zone).replace(tzinfo=None)
    after = local.replace(tzinfo=zone, fold=0).astimezone(UTC).astimezone(zone).replace(tzinfo=None)
    return min(before, after), max(before, after)
