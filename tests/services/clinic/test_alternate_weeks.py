"""Hours that alternate from week to week, and hours between two dates: kept, planned with, and judged by."""

from datetime import date, time, timedelta

import pytest

from scheduler.domain.localtime import to_local
from scheduler.errors import Invalid
from scheduler.models import schedule
from scheduler.models.schedule import FIRST_MONDAY, alternate_week
from scheduler.services.clinic import displaced, schedules, working_days
from scheduler.services.clinic.schedules import Hours
from scheduler.services.planning import availability
from tests.cast import NOW
from tests.engines import both
from tests.services.courses import visit

DAY, LATE = (time(9), time(17)), (time(12), time(20))
MONDAY = date(2026, 11, 30)
WEEK = alternate_week(MONDAY)
JANUARY, FEBRUARY = date(2027, 1, 4), date(2027, 2, 12)


@pytest.fixture
def mona(harbor):
    return harbor.actor("mona")


@pytest.fixture
def nina(harbor):
    return harbor.people["Nina"].resource


def rows(session, harbor, resource):
    found = schedule.hours(session, harbor.clinic.id, resource.id)
    return [(row.weekday, row.starts, row.valid_from, row.valid_until, row.week) for row in found]


def test_weeks_alternate_without_a_break_at_the_end_of_a_year():
    assert FIRST_MONDAY.isoweekday() == 1
    for n in range(-200, 600):
        assert alternate_week(FIRST_MONDAY + timedelta(days=n)) == n // 7 % 2


@both
def test_the_same_time_may_be_taken_in_alternate_weeks_only(session, harbor, mona, nina):
    schedules.set_hours(session, mona, nina, [Hours(1, *DAY, week=0), Hours(1, *LATE, week=1)], NOW)

    assert sorted(rows(session, harbor, nina)) == [
        (1, time(9), None, None, 0),
        (1, time(12), None, None, 1),
    ]
    for other in (None, 0):
        with pytest.raises(Invalid, match="overlap on Monday"):
            schedules.set_hours(
                session, mona, nina, [Hours(1, *DAY, week=0), Hours(1, *LATE, week=other)], NOW
            )


def test_a_sunday_night_ends_in_the_other_week(session, harbor, mona, nina):
    schedules.set_hours(session, mona, nina, [Hours(7, time(20), time(4), week=0)], NOW)

    assert rows(session, harbor, nina) == [(1, time(0), None, None, 1), (7, time(20), None, None, 0)]


@both
def test_the_planner_and_the_judge_take_the_same_weeks(session, harbor, mona, nina):
    schedules.set_hours(session, mona, nina, [Hours(2, *DAY, week=WEEK), Hours(4, *LATE, week=1 - WEEK)], NOW)
    calendar = availability.load(session, harbor.clinic, MONDAY, 28, NOW).calendar
    planned = {to_local(one.start, harbor.clinic.zone) for one in calendar.hours[nina.id]}

    assert {f"{at:%m-%d %H}" for at in planned} == {"12-01 09", "12-10 12", "12-15 09", "12-24 12"}


@both
def test_a_visit_in_the_week_off_is_affected(session, harbor, mona, nora_course):
    infusion = visit(nora_course, "infusion-1")
    place, on = infusion.location.resource, infusion.local_start.date()
    hours = [Hours(day, time(0), time(23, 55), week=alternate_week(on)) for day in range(1, 8)]
    schedules.set_hours(session, mona, place, hours, NOW)
    mine = [
        one.visit.action for one in displaced.ahead(session, harbor.clinic, NOW) if place_of(one) is place
    ]
    weeks = {alternate_week(visit(nora_course, action).local_start.date()) for action in mine}

    assert "infusion-1" not in mine
    assert weeks == {1 - alternate_week(on)}


def place_of(found):
    return found.visit.location.resource if found.visit.location else None


def test_the_clinic_works_in_alternate_weeks(session, harbor, mona):
    schedules.set_hours(session, mona, None, [Hours(1, *DAY, week=WEEK)], NOW)
    works = working_days.working_days(session, harbor.clinic)

    assert [works(MONDAY + timedelta(weeks=n)) for n in range(3)] == [True, False, True]


@both
def test_hours_between_two_dates_are_followed_by_those_before_them(session, harbor, mona, nina):
    schedules.set_hours_from(session, mona, nina, [Hours(1, *DAY)], None, NOW)
    schedules.set_hours_from(session, mona, nina, [Hours(1, *LATE)], JANUARY, NOW, FEBRUARY)
    assert sorted(rows(session, harbor, nina), key=lambda row: (-row[1].hour, row[3] is None)) == [
        (1, time(12), JANUARY, FEBRUARY, None),
        (1, time(9), None, JANUARY - timedelta(days=1), None),
        (1, time(9), FEBRUARY + timedelta(days=1), None, None),
    ]

    schedules.remove_hours_from(session, mona, nina, JANUARY, NOW)
    assert all(starts == time(9) for _, starts, *_ in rows(session, harbor, nina))
    for first, last, words in (
        (JANUARY, date(2027, 1, 3), "before the first day"),
        (None, FEBRUARY, "a first day"),
    ):
        with pytest.raises(Invalid, match=words):
            schedules.set_hours_from(session, mona, nina, [Hours(1, *LATE)], first, NOW, last)
