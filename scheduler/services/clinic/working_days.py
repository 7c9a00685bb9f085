"""On which days the clinic works, by its hours, its dated hours and what closes it for a whole day."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from functools import cache

from sqlalchemy import select
from sqlalchemy.orm import Session

from scheduler.models.clinic import Clinic
from scheduler.models.schedule import Closure, ScheduleHours, ScheduleOverride, hours

LAST_MINUTE = timedelta(minutes=1)  # a form's 23:59 stands for the end of the day
FAR = 60  # days: longer than any clinic is closed in a row


def working_days(session: Session, clinic: Clinic) -> Callable[[date], bool]:
    """Return the question whether the clinic works on a date: by its hours, overrides and whole-day closures.

    They are read when it is first asked: most reminder rules never ask.
    """

    @cache
    def read() -> tuple[Sequence[ScheduleHours], set[date], list[Closure]]:
        overrides = select(ScheduleOverride.on_date).where(
            ScheduleOverride.clinic_id == clinic.id, ScheduleOverride.resource_id.is_(None)
        )
        closures = select(Closure).where(Closure.clinic_id == clinic.id, Closure.resource_id.is_(None))
        weekly = hours(session, clinic.id, None)
        return weekly, set(session.scalars(overrides)), list(session.scalars(closures))

    def works(on: date) -> bool:
        weekly, overrides, closed = read()
        midnight, next_midnight = _midnights(on)
        if any(one.local_start <= midnight and one.local_end >= next_midnight for one in closed):
            return False
        return on in overrides or any(row.holds_on(on) for row in weekly)

    return works


def next_working_day(session: Session, clinic: Clinic, after: date) -> date | None:
    """Return the first day after a date on which the clinic works, within two months."""
    works = working_days(session, clinic)
    days = (after + timedelta(days=n) for n in range(1, FAR))
    return next((day for day in days if works(day)), None)


def _midnights(on: date) -> tuple[datetime, datetime]:
    midnight = datetime.combine(on, time.min)
    return midnight, midnight + timedelta(days=1) - LAST_MINUTE
