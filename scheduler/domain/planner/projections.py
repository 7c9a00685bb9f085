"""Proposed actions: not placed, but dated. A window in which to book, and a likely time.

The window is counted from the likely time of the action before; the likely day is the target, moved to the nearest day
on which the clinic works inside the window, at the same wall-clock time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from scheduler.domain.localtime import AmbiguousTime, NonexistentTime, to_local, to_utc
from scheduler.domain.planner.calendar import Calendar
from scheduler.domain.planner.course import relaxed
from scheduler.domain.planner.model import Projection, Request, Visit
from scheduler.domain.plans import Offset, Unit
from scheduler.domain.windows import Window, subtract


def project(request: Request, calendar: Calendar, visits: Sequence[Visit]) -> tuple[Projection, ...]:
    """Return a projection for every action that is proposed, or hangs from one that is."""
    starts: dict[str, datetime] = {done.action: done.start for done in request.done.values()}
    starts.update({visit.action: visit.start for visit in visits})
    workdays = Workdays(calendar)
    projections = []
    for action in request.plan.actions:
        offset = relaxed(action, request)
        if action.key in starts or offset is None or offset.after not in starts:
            continue
        projection = _projection(action.key, offset, starts, calendar.zone, workdays)
        starts[action.key] = projection.start
        projections.append(projection)
    return tuple(projections)


class Workdays:
    """On which dates the clinic works: from its calendar, and beyond it by the weekdays on which it usually does."""

    def __init__(self, calendar: Calendar) -> None:
        self.calendar = calendar
        self.open = subtract(calendar.hours.get(None, ()), calendar.closures.get(None, ()))
        usual = {
            to_local(window.start, calendar.zone).isoweekday() for window in calendar.hours.get(None, ())
        }
        self.usual = usual or {1, 2, 3, 4, 5}
        self._known = {on for window in self.open for on in _dates(window, calendar.zone)}

    def works(self, on: date) -> bool:
        first = self.calendar.first_on
        if first <= on < first + timedelta(days=self.calendar.days):
            return on in self._known
        return on.isoweekday() in self.usual

    def after(self, on: date, number: int) -> date:
        """Return the date `number` working days later."""
        while number > 0:
            on += timedelta(days=1)
            number -= self.works(on)
        return on

    def nearest(self, on: date, first: date, last: date) -> date:
        """Return the working day nearest to `on` from `first` to `last`, the earlier of two; `on` if there is none."""
        for away in range((last - first).days + 1):
            for candidate in (on - timedelta(days=away), on + timedelta(days=away)):
                if first <= candidate <= last and self.works(candidate):
                    return candidate
        return on


def _projection(
    key: str, offset: Offset, starts: Mapping[str, datetime], zone: ZoneInfo, workdays: Workdays
) -> Projection:
    local = to_local(starts[offset.after], zone)
    first, target, last = (
        _moved(local.date(), offset.unit, n, workdays) for n in (offset.min, offset.target, offset.max)
    )
    on = workdays.nearest(target, first, last)
    return Projection(key, _instant(datetime.combine(on, local.time()), zone), first, last)


def _moved(on: date, unit: Unit, number: int, workdays: Workdays) -> date:
    if unit is Unit.WORKING_DAYS:
        return workdays.after(on, number)
    return on + (timedelta(days=number) if unit is Unit.DAYS else timedelta(hours=number))


def _instant(local: datetime, zone: ZoneInfo) -> datetime:
    """Return the instant of a likely wall-clock time; at a clock change the next one that is unmistakable."""
    try:
        return to_utc(local, zone)
    except NonexistentTime as gap:
        return to_utc(gap.nearest[1], zone)
    except AmbiguousTime as twice:
        return twice.choices[0]


def _dates(window: Window, zone: ZoneInfo) -> list[date]:
    first, last = (
        to_local(window.start, zone).date(),
        to_local(window.end - timedelta(microseconds=1), zone).date(),
    )
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]
