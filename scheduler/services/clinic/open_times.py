"""When a clinic and its places and people are open: hours, hours of dates and closures, in a fixed number of queries.

Without hours of its own a place or a person is there whenever the clinic is open.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, time, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from scheduler.domain.localtime import day_bounds, local_on
from scheduler.domain.windows import Window, merged, subtract
from scheduler.models import schedule
from scheduler.models.clinic import Clinic
from scheduler.models.schedule import Closure, ScheduleHours, ScheduleOverride

Times = tuple[time, time]


class OpenTimes:
    """When the clinic and what its visits use are open, from `start` to `end`."""

    def __init__(self, session: Session, clinic: Clinic, start: datetime, end: datetime) -> None:
        self.zone = clinic.zone
        self._known: dict[tuple[int | None, date], list[Window]] = {}
        self.weekly: Mapping[int | None, list[ScheduleHours]] = defaultdict(list)
        for row in session.scalars(select(ScheduleHours).where(ScheduleHours.clinic_id == clinic.id)):
            self.weekly[row.resource_id].append(row)
        self.dated: Mapping[tuple[int | None, date], list[Times]] = defaultdict(list)
        dated = select(ScheduleOverride).where(
            ScheduleOverride.clinic_id == clinic.id,
            ScheduleOverride.on_date.between(local_on(start, self.zone), local_on(end, self.zone)),
        )
        for special in session.scalars(dated):
            self.dated[special.resource_id, special.on_date].append((special.starts, special.ends))
        self.closed: Mapping[int | None, list[Closure]] = defaultdict(list)
        for closure in schedule.closures(session, clinic.id, start, end):
            self.closed[closure.resource_id].append(closure)

    def is_open(self, resource_id: int | None, window: Window) -> bool:
        """Tell whether a resource (None: the clinic) is open for all of this time. Without hours it always is."""
        if any(one.start_at < window.end and one.end_at > window.start for one in self.closed[resource_id]):
            return False
        first, last = local_on(window.start, self.zone), local_on(window.end, self.zone)
        days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
        if not self._has_hours(resource_id, days):
            return True
        open_windows = merged(one for day in days for one in self._of_day(resource_id, day))
        return any(one.start <= window.start and window.end <= one.end for one in open_windows)

    def on(self, resource_id: int | None, on: date) -> list[Window]:
        """Return when a resource (None: the clinic) can be used on a day: within the clinic's hours, in order."""
        whole = [Window(*day_bounds(on, self.zone))]
        for key in {None, resource_id}:
            if self._has_hours(key, [on]):
                whole = subtract(whole, subtract(whole, self._of_day(key, on)))
            whole = subtract(whole, [Window(one.start_at, one.end_at) for one in self.closed[key]])
        return whole

    def _has_hours(self, resource_id: int | None, days: Iterable[date]) -> bool:
        return bool(self.weekly[resource_id]) or any(self.dated.get((resource_id, day)) for day in days)

    def _of_day(self, resource_id: int | None, on: date) -> list[Window]:
        """Return the hours of a day, worked out once: most visits share their days."""
        known = self._known.get((resource_id, on))
        if known is None:
            known = self._known[resource_id, on] = list(self._windows(resource_id, on))
        return known

    def _windows(self, resource_id: int | None, on: date) -> Iterator[Window]:
        times: Iterable[Times] = self.dated.get((resource_id, on), ())
        if not times:
            times = [(row.starts, row.ends) for row in self.weekly[resource_id] if row.holds_on(on)]
        midnight, next_midnight = day_bounds(on, self.zone)
        for starts, ends in times:
            start = datetime.combine(on, starts, tzinfo=self.zone).astimezone(midnight.tzinfo)
            end = datetime.combine(on, ends, tzinfo=self.zone).astimezone(midnight.tzinfo)
            yield Window(start, next_midnight if ends >= time(23, 59) else end)
