"""How the gaps of a course stand against the plan: measured, not judged (the validator judges).

Times are those of the visits as they are; a gap whose earlier visit is unknown is left out. Days and working days are
differences of clinic-local dates; the caller says which dates are working days.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from scheduler.domain.localtime import local_on
from scheduler.domain.plans import Edge, Offset, Plan, Unit

HOUR = timedelta(hours=1)
Times = tuple[datetime, datetime]  # start and attended end


@dataclass(frozen=True, slots=True)
class Spacing:
    """One gap: how far `action` is from the action its offset names. `amount` is in the offset's unit."""

    action: str
    offset: Offset
    amount: int

    @property
    def kept(self) -> bool:
        return self.offset.min <= self.amount <= self.offset.max


def spacings(
    plan: Plan, times: Mapping[str, Times], zone: ZoneInfo, is_working: Callable[[date], bool]
) -> dict[str, Spacing]:
    """Return the gap before each visit that has one, by action."""
    found = {}
    for action in plan.actions:
        offset = action.offset
        if offset is None or action.key not in times or offset.after not in times:
            continue
        earlier = times[offset.after][offset.edge is Edge.END]
        amount = gap(offset, earlier, times[action.key][0], zone, is_working)
        found[action.key] = Spacing(action.key, offset, amount)
    return found


def gap(
    offset: Offset, earlier: datetime, start: datetime, zone: ZoneInfo, is_working: Callable[[date], bool]
) -> int:
    """Return how far a start is from an earlier instant, in the offset's unit."""
    hours = (start - earlier) / HOUR
    return gap_of_days(offset, local_on(earlier, zone), local_on(start, zone), hours, is_working)


def gap_of_days(
    offset: Offset, first: date, last: date, hours: float, is_working: Callable[[date], bool]
) -> int:
    """Return the same from two clinic-local days and the hours between the instants."""
    if offset.unit is Unit.HOURS:
        return round(hours)
    if offset.unit is Unit.DAYS:
        return (last - first).days
    return sum(is_working(first + timedelta(days=n)) for n in range(1, (last - first).days + 1))


def amounts(
    offset: Offset,
    earlier: datetime,
    first: datetime,
    last: datetime,
    zone: ZoneInfo,
    is_working: Callable[[date], bool],
) -> tuple[float, float]:
    """Return the least and the greatest gap, in the offset's unit, of a start from `first` to `last` on one day."""
    if offset.unit is Unit.HOURS:
        return (first - earlier) / HOUR, (last - earlier) / HOUR
    whole = gap(offset, earlier, first, zone, is_working)
    return whole, whole
