"""On which days the clinic works."""

from datetime import UTC, date, datetime, time

from scheduler.models.schedule import ClosureKind, ScheduleOverride
from scheduler.services.clinic import schedules
from scheduler.services.clinic.working_days import next_working_day, working_days
from tests.cast import NOW

FRIDAY, SATURDAY, MONDAY = date(2026, 11, 27), date(2026, 11, 28), date(2026, 11, 30)


def test_weekly_hours_decide(session, harbor):
    works = working_days(session, harbor.clinic)

    assert [works(day) for day in (FRIDAY, SATURDAY, MONDAY)] == [True, False, True]


def test_dated_hours_open_a_day(session, harbor):
    opened = ScheduleOverride(clinic_id=harbor.clinic.id, on_date=SATURDAY, starts=time(9), ends=time(13))
    session.add(opened)
    session.flush()

    assert next_working_day(session, harbor.clinic, FRIDAY) == SATURDAY


def test_a_closed_day_is_none(session, harbor):
    start, end = datetime(2026, 11, 30, 5, tzinfo=UTC), datetime(2026, 12, 1, 5, tzinfo=UTC)
    schedules.close(
        session, harbor.command, start, end, NOW, kind=ClosureKind.HOLIDAY, reason="Founders' Day"
    )

    assert next_working_day(session, harbor.clinic, FRIDAY) == date(2026, 12, 1)
