"""Time that longer hours or a lifted closure add becomes openings, by day; what was open before does not."""

from datetime import UTC, datetime, time, timedelta

from sqlalchemy import select

from scheduler.models.opening import Opening, OpeningCause
from scheduler.services.clinic import schedules
from scheduler.services.clinic.schedules import Hours
from tests.cast import NOW
from tests.engines import both

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
WEEK = [Hours(weekday, time(8), time(18)) for weekday in range(1, 6)]


def opened(session, cause):
    """Return the noted times in the clinic's zone, and the resources that they name."""
    session.flush()
    rows = session.scalars(select(Opening).order_by(Opening.start_at, Opening.id)).all()
    assert {row.cause for row in rows} <= {cause}
    return [(local(row.start_at), f"{local(row.end_at)[-5:]}", row.resource_ids) for row in rows]


def local(instant):
    return f"{instant - 5 * HOUR:%b %d %H:%M}"  # November in New York


def reopened(session, harbor, start, end, resource=None):
    mona = harbor.actor("mona")
    closure, _ = schedules.close(session, mona, start, end, NOW, resource)
    schedules.reopen(session, mona, closure, NOW)
    return opened(session, OpeningCause.REOPENED)


def at(day, hour):
    """Return an hour of a November day at the clinic."""
    return datetime(2026, 11, day, hour + 5, tzinfo=UTC)


@both
def test_a_lifted_closure_opens_the_working_hours_of_each_day(session, harbor):
    assert reopened(session, harbor, at(25, 12), at(30, 10)) == [
        ("Nov 25 12:00", "18:00", []),
        ("Nov 26 08:00", "18:00", []),
        ("Nov 27 08:00", "18:00", []),
        ("Nov 30 08:00", "10:00", []),
    ]


def test_a_chair_that_is_repaired_opens_from_now_on(session, harbor):
    chair = harbor.places["Chair 1"].resource
    assert local(NOW) == "Nov 23 08:00"

    assert reopened(session, harbor, NOW - DAY, at(24, 9), chair) == [
        ("Nov 23 08:00", "18:00", [chair.id]),
        ("Nov 24 08:00", "09:00", [chair.id]),
    ]


def test_only_two_weeks_ahead_are_noted(session, harbor):
    found = reopened(session, harbor, NOW + 13 * DAY, NOW + 60 * DAY)

    assert found == [("Dec 07 08:00", "18:00", [])]  # December 6 is a Sunday


def test_what_another_closure_closes_still_is_not_open(session, harbor):
    chair, mona = harbor.places["Chair 1"].resource, harbor.actor("mona")
    schedules.close(session, mona, at(25, 0), at(25, 16), NOW)
    schedules.close(session, mona, at(25, 17), at(26, 0), NOW, chair)

    assert reopened(session, harbor, at(25, 8), at(25, 18), chair) == [("Nov 25 16:00", "17:00", [chair.id])]


def test_a_few_minutes_help_no_one(session, harbor):
    assert reopened(session, harbor, at(25, 9), at(25, 9) + timedelta(minutes=14)) == []


def test_no_opening_is_noted_where_visits_are_put_back(session, harbor):
    mona = harbor.actor("mona")
    closure, _ = schedules.close(session, mona, at(25, 8), at(25, 18), NOW)
    schedules.reopen(session, mona, closure, NOW, is_offered=False)

    assert opened(session, OpeningCause.REOPENED) == []


@both
def test_only_the_hours_that_are_added_open(session, harbor):
    longer = [
        Hours(1, time(7), time(12)),
        Hours(1, time(13), time(19)),
        *WEEK[1:],
        Hours(6, time(9), time(12)),
    ]
    schedules.set_hours(session, harbor.actor("mona"), None, longer, NOW)

    assert opened(session, OpeningCause.HOURS) == [
        ("Nov 23 18:00", "19:00", []),
        ("Nov 28 09:00", "12:00", []),
        ("Nov 30 07:00", "08:00", []),
        ("Nov 30 18:00", "19:00", []),
        ("Dec 05 09:00", "12:00", []),
        ("Dec 07 07:00", "08:00", []),
        ("Dec 07 18:00", "19:00", []),
    ]


def test_a_clinic_that_is_set_up_opens_nothing(session, hill, harbor):
    assert opened(session, OpeningCause.HOURS) == []


@both
def test_longer_hours_of_a_date_open_their_stretch(session, harbor):
    mona = harbor.actor("mona")
    schedules.set_override(session, mona, None, at(25, 0).date(), [(time(6), time(20))], NOW)
    schedules.set_override(session, mona, None, at(25, 0).date(), [(time(8), time(12))], NOW)
    assert opened(session, OpeningCause.HOURS) == [
        ("Nov 25 06:00", "08:00", []),
        ("Nov 25 18:00", "20:00", []),
    ]

    schedules.set_override(session, mona, None, at(25, 0).date(), [], NOW)
    assert ("Nov 25 12:00", "18:00", []) in opened(session, OpeningCause.HOURS), "back to the usual hours"


def test_the_hours_of_a_person_open_within_those_of_the_clinic(session, harbor):
    mona, nina = harbor.actor("mona"), harbor.people["Nina"].resource
    schedules.set_hours(session, mona, nina, [Hours(2, time(8), time(12))], NOW)
    assert opened(session, OpeningCause.HOURS) == [], "before, it was whenever the clinic is open"

    schedules.set_hours(session, mona, nina, [Hours(2, time(8), time(22)), Hours(7, time(8), time(12))], NOW)
    assert opened(session, OpeningCause.HOURS) == [
        ("Nov 24 12:00", "18:00", [nina.id]),
        ("Dec 01 12:00", "18:00", [nina.id]),
    ]


def test_the_same_hours_again_open_nothing(session, harbor):
    schedules.set_hours(session, harbor.actor("mona"), None, WEEK, NOW)

    assert opened(session, OpeningCause.HOURS) == []
