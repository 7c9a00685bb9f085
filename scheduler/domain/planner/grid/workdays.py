"""On which dates a clinic works, as its calendar says."""

from __future__ import annotations

from datetime import date, timedelta
from zoneinfo import ZoneInfo

from scheduler.domain.localtime import to_local
from scheduler.domain.planner.values import Calendar
from scheduler.domain.windows import Window, subtract


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


def _dates(window: Window, zone: ZoneInfo) -> list[date]:
    first, last = (
        to_local(window.start, zone).date(),
        to_local(window.end - timedelta(microseconds=1), zone).date(),
    )
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]
