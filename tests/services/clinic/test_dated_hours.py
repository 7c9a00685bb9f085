"""Weekly hours that begin later, hours past midnight, and hours of single dates."""

from datetime import date, time

import pytest

from scheduler.domain.localtime import day_bounds, local_on
from scheduler.domain.windows import Window
from scheduler.errors import Invalid, NotFound
from scheduler.models import schedule
from scheduler.models.resource import Resource
from scheduler.models.schedule import END_OF_DAY
from scheduler.services.clinic import schedules
from scheduler.services.clinic.schedules import Hours
from scheduler.services.planning.calendar_frame import frame
from tests.cast import NOW

DAY, LATE, NIGHT = (time(9), time(17)), (time(12), time(20)), (time(20), time(4))
JANUARY, MARCH = date(2027, 1, 4), date(2027, 3, 1)


@pytest.fixture
def mona(harbor):
    return harbor.actor("mona")


@pytest.fixture
def nina(harbor):
    return harbor.people["Nina"].resource


def rows(session, harbor, resource=None):
    found = schedule.hours(session, harbor.clinic.id, resource.id if resource else None)
    return [(row.weekday, row.starts, row.ends, row.valid_from, row.valid_until) for row in found]


def test_hours_from_a_later_day_let_the_present_ones_end_before(session, harbor, mona, nina):
    schedules.set_hours_from(session, mona, nina, [Hours(1, *DAY)], None, NOW)
    schedules.set_hours_from(session, mona, nina, [Hours(1, *LATE)], JANUARY, NOW)

    assert rows(session, harbor, nina) == [
        (1, *DAY, None, date(2027, 1, 3)),
        (1, *LATE, JANUARY, None),
    ]


def test_hours_that_hold_now_leave_later_ones_alone(session, harbor, mona, nina):
    schedules.set_hours_from(session, mona, nina, [Hours(1, *LATE)], JANUARY, NOW)
    schedules.set_hours_from(session, mona, nina, [Hours(2, *DAY)], None, NOW)

    assert rows(session, harbor, nina) == [(1, *LATE, JANUARY, None), (2, *DAY, None, date(2027, 1, 3))]


def test_later_hours_that_are_removed_let_those_before_go_on_to_the_next(session, harbor, mona, nina):
    schedules.set_hours_from(session, mona, nina, [Hours(1, *DAY)], None, NOW)
    schedules.set_hours_from(session, mona, nina, [Hours(1, *LATE)], JANUARY, NOW)
    schedules.set_hours_from(session, mona, nina, [Hours(1, *DAY)], MARCH, NOW)
    schedules.remove_hours_from(session, mona, nina, JANUARY, NOW)
    assert rows(session, harbor, nina) == [(1, *DAY, None, date(2027, 2, 28)), (1, *DAY, MARCH, None)]
    schedules.remove_hours_from(session, mona, nina, MARCH, NOW)

    assert rows(session, harbor, nina) == [(1, *DAY, None, None)]
    with pytest.raises(NotFound):
        schedules.remove_hours_from(session, mona, nina, MARCH, NOW)


def test_hours_cannot_begin_on_a_day_that_is_here(session, mona, nina):
    with pytest.raises(Invalid, match="later day"):
        schedules.set_hours_from(session, mona, nina, [Hours(1, *DAY)], NOW.date(), NOW)


def test_hours_past_midnight_are_those_of_both_days(session, harbor, mona, nina):
    schedules.set_hours(session, mona, nina, [Hours(7, *NIGHT), Hours(3, time(18), time(0))], NOW)

    assert rows(session, harbor, nina) == [
        (1, time(0), time(4), None, None),
        (3, time(18), END_OF_DAY, None, None),
        (7, time(20), END_OF_DAY, None, None),
    ]
    with pytest.raises(Invalid, match="overlap on Monday"):
        schedules.set_hours(session, mona, nina, [Hours(7, *NIGHT), Hours(1, time(3), time(9))], NOW)


def test_a_date_may_have_hours_until_midnight(session, harbor, mona):
    schedules.set_override(session, mona, None, JANUARY, [(time(12), time(0))], NOW)
    [row] = schedule.dated_hours(session, harbor.clinic.id, None, JANUARY)

    assert (row.on_date, row.starts, row.ends) == (JANUARY, time(12), END_OF_DAY)
    assert schedule.dated_hours(session, harbor.clinic.id, None, MARCH) == []


def test_a_day_that_ends_in_the_morning_is_a_mistake(session, mona, nina):
    for hours in (Hours(1, time(17), time(9)), Hours(1, time(3), time(3)), Hours(1, time(5), time(4))):
        with pytest.raises(Invalid, match="after the start"):
            schedules.set_hours(session, mona, nina, [hours], NOW)


def test_special_hours_on_one_date_close_no_other_day(session, harbor, mona):
    """A chair without weekly hours works whenever the clinic does, and on one date in the morning only."""
    chair = session.get_one(Resource, harbor.places["Chair 1"].resource_id)
    monday, tuesday = date(2026, 11, 30), date(2026, 12, 1)
    schedules.set_override(session, mona, chair, monday, [(time(9), time(12))], NOW)

    hours = frame(session, harbor.clinic, monday, 2).hours[chair.id]

    assert [one for one in hours if local_on(one.start, harbor.clinic.zone) == tuesday] == [
        Window(*day_bounds(tuesday, harbor.clinic.zone))
    ]
    assert len(hours) == 2
