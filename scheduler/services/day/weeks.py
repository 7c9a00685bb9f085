"""Seven days at a glance: how many visits, what kinds, and how full the chairs are through each day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy.orm import Session

from scheduler.domain.localtime import day_bounds, local_on
from scheduler.domain.planner.grid.availability import Availability
from scheduler.domain.status import AppointmentStatus
from scheduler.domain.windows import Window
from scheduler.models.appointment import Appointment
from scheduler.models.clinic import Clinic
from scheduler.models.schedule import Closure, closures
from scheduler.services.day import boards, day_load
from scheduler.services.day.day_load import HourLoad
from scheduler.services.planning import availability

DAYS = 7


@dataclass(frozen=True)
class WeekDay:
    """One day: its visits that stand, the load by the hour (none when closed), and what is said about it."""

    on: date
    visits: tuple[Appointment, ...]
    load: tuple[HourLoad, ...]
    kinds: tuple[tuple[str, int], ...]
    unsettled: int
    closed: str

    @property
    def share(self) -> int:
        """How much of the day's chair time is taken, in per cent."""
        used = sum(hour.chairs_used for hour in self.load)
        there = sum(hour.chairs for hour in self.load)
        return 100 * used // there if there else 0


def week(session: Session, clinic: Clinic, first_on: date, now: datetime) -> list[WeekDay]:
    """Return the seven days from a date."""
    start = day_bounds(first_on, clinic.zone)[0]
    end = day_bounds(first_on + timedelta(days=DAYS - 1), clinic.zone)[1]
    visits = boards.standing(boards.visits_between(session, clinic, Window(start, end)))
    free = availability.load(session, clinic, first_on, DAYS, now)
    shut = [row for row in closures(session, clinic.id, start, end) if row.resource_id is None]
    days = []
    for row in range(DAYS):
        on = first_on + timedelta(days=row)
        own = [visit for visit in visits if local_on(visit.start_at, clinic.zone) == on]
        days.append(_day(on, own, free, row, _reason(shut, on)))
    return days


def _reason(shut: Sequence[Closure], on: date) -> str:
    return next(
        (
            one.reason or one.kind.value
            for one in shut
            if one.local_start.date() <= on <= one.local_end.date()
        ),
        "",
    )


def _day(on: date, visits: Sequence[Appointment], free: Availability, row: int, reason: str) -> WeekDay:
    first = row * free.grid.width
    is_open = bool(free.open >> first & ((1 << free.grid.width) - 1))
    counts = Counter(visit.kind for visit in visits)
    return WeekDay(
        on,
        tuple(visits),
        tuple(day_load.hours(free, row)) if is_open else (),
        tuple(counts.most_common()),
        sum(visit.status is AppointmentStatus.PENDING for visit in visits),
        "" if is_open else reason or "closed",
    )
