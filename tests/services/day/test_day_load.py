from datetime import UTC, datetime, time, timedelta

from scheduler.domain.windows import Window
from scheduler.services.clinic import schedules
from scheduler.services.day import day_load, weeks
from scheduler.services.planning import availability
from tests.cast import NOW
from tests.services.courses import MONDAY, book, visit


def test_an_hour_says_how_many_chairs_and_nurse_units_are_taken(session, harbor, nora_course):
    infusion = visit(nora_course, "infusion-1")
    on = infusion.local_start.date()

    hours = day_load.hours(availability.load(session, harbor.clinic, on, 1, NOW))
    full = next(hour for hour in hours if hour.wall == time(infusion.local_start.hour))

    # three chairs; two nurses who watch three each, and setting up takes all of one
    assert (full.chairs_used, full.chairs, full.units_used, full.units) == (1, 3, 3, 6)
    assert full.share == 50


def test_what_is_closed_is_a_stretch_of_the_day(session, harbor):
    start = datetime(2026, 11, 30, 17, 0, tzinfo=UTC)
    chair = harbor.places["Chair 1"]
    schedules.close(session, harbor.actor("mona"), start, start + timedelta(hours=1), NOW, chair.resource)

    free = availability.load(session, harbor.clinic, MONDAY, 1, NOW)

    assert day_load.closed(free, chair.resource_id) == [Window(start, start + timedelta(hours=1))]
    assert day_load.closed(free, harbor.places["Chair 2"].resource_id) == []


def test_a_week_has_its_visits_on_their_days_and_says_what_is_closed(session, harbor):
    book(session, harbor, "therapy-6")
    day = datetime(2026, 12, 2, 5, 0, tzinfo=UTC)
    schedules.close(session, harbor.actor("mona"), day, day + timedelta(days=1), NOW, reason="Team day")

    days = weeks.week(session, harbor.clinic, MONDAY, NOW).days

    assert [one.closed for one in days] == ["", "", "Team day", "", "", "Closed", "Closed"]
    assert [len(one.visits) for one in days] == [1, 0, 0, 0, 0, 0, 0]
