"""Which times a strip shows, and what it says of a day without one."""

from datetime import timedelta

import pytest

from scheduler.domain.localtime import local_on
from scheduler.errors import RuleBroken
from scheduler.services.clinic import schedules
from scheduler.services.course import boosters, make_ups
from scheduler.services.course.make_ups import MakeUpPlanner
from scheduler.services.planning import free_times
from scheduler.services.visit import moves, visits
from scheduler.services.visit.move_times import MoveTimes
from scheduler.services.visit.moves import MovePlanner
from tests.cast import NOW
from tests.services.courses import visit

DAY = timedelta(days=1)
REASON = "the patient travels that week"


@pytest.fixture
def infusion(session, harbor, nora_course):
    """Infusion 3 on Monday, December 14, 8:00 AM; infusion 2 is on Thursday, December 10."""
    return visit(nora_course, "infusion-3")


@pytest.fixture
def strip(session, harbor, infusion):
    def strip(row=infusion, who="alice", first=None, location=None, scope="following", **more):
        found = MoveTimes(MovePlanner(session, harbor.actor(who), row, NOW, location, scope=scope))
        week = free_times.week(found, first or row.local_start.date() - 3 * DAY, **more)
        return {day.on: day for day in week.days}

    return strip


def close(session, harbor, on, resource=None, reason="", hours=(0, 24)):
    start = on_at(harbor, on, hours[0])
    return schedules.close(
        session, harbor.command, start, on_at(harbor, on, hours[1]), NOW, resource, reason=reason
    )


def on_at(harbor, on, hour):
    midnight = NOW.astimezone(harbor.clinic.zone).replace(hour=0, minute=0)
    return midnight + (on - midnight.date()) + timedelta(hours=hour)


def test_the_present_time_is_not_offered(infusion, strip):
    day = strip(whole=infusion.local_start.date())[infusion.local_start.date()]

    assert day.times
    assert infusion.start_at not in {time.start for time in day.times}


def test_a_day_shows_one_time_an_hour_and_all_quarters_when_asked(infusion, strip):
    on = infusion.local_start.date()
    few, all_of_it = strip()[on], strip(whole=on)[on]
    hours = [time.start.hour for time in few.times]

    assert len(hours) == len(set(hours))
    assert few.more
    assert {time.start for time in few.times} < {time.start for time in all_of_it.times}
    assert all(time.start.minute % 15 == 0 for time in all_of_it.times)


def test_a_time_says_what_moves_with_it(infusion, strip):
    day = strip()[infusion.local_start.date()]

    assert {time.moves for time in day.times} == {("Therapy session 3",)}


def test_alone_it_goes_only_where_the_others_can_stay(infusion, strip):
    days = strip(scope="one").values()
    times = [time for day in days for time in day.times]

    assert times
    assert all(time.moves == () for time in times)


@pytest.mark.parametrize(
    ("days", "why"),
    [
        (-3, "Outside the spacing: 1 day after infusion 2 (2 to 4 allowed)"),
        (-2, "Closed"),
        (1, "Outside the spacing: 5 days after infusion 2 (2 to 4 allowed)"),
    ],
)
def test_a_day_without_a_time_says_why(infusion, strip, days, why):
    assert strip()[infusion.local_start.date() + days * DAY].why == why


def test_a_closure_is_named_by_its_reason_before_the_spacing(session, harbor, infusion, strip):
    tuesday = infusion.local_start.date() + DAY  # outside the spacing too
    close(session, harbor, tuesday, reason="Thanksgiving")

    assert strip()[tuesday].why == "Closed: Thanksgiving"


def test_the_place_that_is_lacking_is_named(session, harbor, nora_course, strip):
    therapy = visit(nora_course, "therapy-3")
    on = therapy.local_start.date()
    close(session, harbor, on, harbor.places["Room A"].resource)

    assert strip(therapy)[on].why == "No room is free long enough"
    assert strip(therapy, location=harbor.places["Room A"])[on].why == "Room A is not free long enough"


def test_days_that_are_over_or_beyond_the_horizon_say_so(harbor, infusion, strip):
    today = local_on(NOW, harbor.clinic.zone)
    horizon = harbor.clinic.settings.planning_horizon_days

    assert strip(first=today - DAY)[today - DAY].why == "In the past"
    far = today + horizon * DAY
    assert strip(first=far)[far].why == "Beyond the booking horizon"


def test_a_strip_without_times_names_the_next_one(session, harbor, nora_course):
    therapy = visit(nora_course, "therapy-3")
    found = MoveTimes(MovePlanner(session, harbor.actor("alice"), therapy, NOW, scope="following"))
    week = free_times.week(found, NOW.date())

    assert all(not day.times for day in week.days)
    assert week.next is not None
    assert local_on(week.next.start, harbor.clinic.zone) > week.days[-1].on


def test_outside_the_spacing_what_follows_the_visit_keeps_its_own(harbor, infusion, strip):
    tuesday = infusion.local_start.date() + DAY
    [first, *_] = strip(who="mona", outside=True)[tuesday].times

    assert set(first.moves) == {"Check-in call 3", "Therapy session 3"}
    assert first.broken == ("Infusion 3 is 5 days after infusion 2; 2 to 4 are allowed.",)


def test_what_is_outside_the_spacing_is_moved_with_a_reason_only(session, harbor, infusion):
    start = infusion.start_at + 2 * DAY
    with pytest.raises(RuleBroken):
        moves.plan_move(session, harbor.actor("mona"), infusion, start, NOW)
    planned = moves.plan_move(
        session, harbor.actor("mona"), infusion, start, NOW, scope="following", override_reason=REASON
    )
    moves.apply_moves(session, harbor.actor("mona"), planned, NOW, override_reason=REASON)

    therapy = visit(infusion.care_plan, "therapy-3")
    assert infusion.start_at == start
    assert timedelta(hours=24) <= therapy.start_at - infusion.end_at <= timedelta(hours=72)


def test_a_refused_time_names_the_spacing_before_what_is_taken(session, harbor, infusion):
    wanted = infusion.start_at + 2 * DAY
    for chair in ("Chair 1", "Chair 2", "Chair 3"):
        close(session, harbor, wanted.date(), harbor.places[chair].resource)
    found = MoveTimes(MovePlanner(session, harbor.actor("alice"), infusion, NOW, scope="following"))

    assert found.explainer().at(wanted) == [
        "Wed, Dec 16 is 6 days after infusion 2 (2 to 4 allowed, latest Mon, Dec 14).",
        "No chair is free 8:00–9:55 AM.",
    ]


def test_another_chair_at_the_present_time_is_another_time(harbor, infusion, strip):
    on = infusion.local_start.date()
    day = strip(location=harbor.places["Chair 3"], whole=on)[on]

    assert infusion.start_at in {time.start for time in day.times}


def test_a_make_up_is_not_offered_where_the_visits_before_it_would_move(session, harbor, infusion):
    alice, second = harbor.actor("alice"), visit(infusion.care_plan, "infusion-2")
    visits.cancel(session, alice, [infusion], NOW, "ill", "patient")
    week = free_times.week(MoveTimes(MakeUpPlanner(session, alice, infusion, NOW)), NOW.date() + 7 * DAY)
    time = week.next

    assert all(not day.times for day in week.days)
    assert time.start >= second.start_at + 2 * DAY
    planned = make_ups.plan_make_up(session, alice, infusion, NOW, time.start)
    made = make_ups.book_make_up(session, alice, planned, NOW)
    assert made.start_at == time.start


def test_a_booster_keeps_its_spacing_unless_that_is_overridden(session, harbor, nora_course):
    booster = visit(nora_course, "booster-1")
    late = booster.start_at + 18 * DAY  # a Monday, 46 days after infusion 6: at most 42
    with pytest.raises(RuleBroken):
        boosters.book_proposed(session, harbor.actor("alice"), booster, late, NOW)
    boosters.book_proposed(session, harbor.actor("mona"), booster, late, NOW, override_reason=REASON)

    assert booster.start_at == late
