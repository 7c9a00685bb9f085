"""Each thing that the quick test compares, alone: what it leaves and what it refuses."""

from dataclasses import replace
from datetime import time, timedelta

import pytest

from scheduler.domain.planner import Availability, Gate, StartWishes, waiting, wishes_of
from scheduler.domain.planner.openings.ranking import best_first
from scheduler.domain.planner.values import Done, Placement, Request, Segment
from scheduler.domain.plans import Role
from scheduler.domain.windows import Window
from tests.domain.planner.clinics import (
    MONDAY,
    NOW,
    THERAPY,
    at,
    calendar,
    course,
    day,
    minutes,
    need,
    phase,
    plan,
    staff,
)

CHAIR = (phase("visit", 60, Role.CHAIR),)
ONE_CHAIR = staff(1, 1, 1, 1, 1)
OPENED = Window(at(day(2), "09:00"), at(day(2), "12:00"))  # a Wednesday
SERIES = course(3, (2, 3, 4), therapy=False, phases=CHAIR)
WITH_THERAPY = course(2, (2, 3, 4), phases=CHAIR)


def booked(action, on, wall, length=60, *resource_ids):
    start = at(on, wall)
    end = start + minutes(length)
    segments = tuple(Segment(id_, Role.CHAIR, "visit", start, end) for id_ in resource_ids or (1,))
    return Placement(action, start, end, end, segments)


SPACED = {
    "infusion-1": booked("infusion-1", day(0), "09:00"),
    "infusion-2": booked("infusion-2", day(4), "09:00"),
    "infusion-3": booked("infusion-3", day(7), "09:00"),
}


def left(
    action="infusion-2",
    protocol=SERIES,
    current=SPACED,
    occupied=(),
    opened=OPENED,
    now=NOW,
    people=ONE_CHAIR,
    closures=None,
    wishes=(),
    busy=(),
    notice=timedelta(),
    **request,
):
    """Return the local times that the quick test leaves, and the fewest moves."""
    asked = Request(protocol, MONDAY, **request)
    taken = [(s.resource_id, 0, s.start, s.end) for visit in current.values() for s in visit.segments]
    free = Availability(calendar(21, people, occupied=[*taken, *occupied], closures=closures))
    record = waiting(1, asked, action, current, wishes, now=now, not_before=now + notice, busy=busy)
    found = Gate([record], free, now).chances(opened)
    zone = free.grid.zone
    times = [start.astimezone(zone).strftime("%H:%M") for one in found for start in one.starts]
    return (times[0], times[-1], found[0].moves) if times else None


def test_every_start_of_the_opened_time_is_left_where_nothing_is_in_the_way():
    assert left() == ("09:00", "11:55", 1)


def test_a_visit_is_only_moved_to_an_earlier_start():
    now = {**SPACED, "infusion-2": booked("infusion-2", day(2), "10:00")}

    assert left(current=now) == ("09:00", "09:55", 1)


def test_the_patient_s_notice_and_the_time_until_now_are_kept():
    tuesday = at(day(1), "10:00")

    assert left(now=tuesday, notice=timedelta(hours=24)) == ("10:00", "11:55", 1)
    assert left(now=at(day(2), "11:02")) == ("11:05", "11:55", 1)


@pytest.mark.parametrize(
    ("wishes", "found"),
    [
        (StartWishes(weekdays=frozenset({3})), ("09:00", "11:55", 1)),
        (StartWishes(weekdays=frozenset({1, 2, 4, 5})), None),
        (StartWishes(earliest=time(10, 30)), ("10:30", "11:55", 1)),
        (StartWishes(latest=time(10, 30)), ("09:00", "10:30", 1)),
        (StartWishes(until_on=day(2)), ("09:00", "11:55", 1)),
        (StartWishes(until_on=day(1)), None),
        (StartWishes(blocked_on=frozenset({day(2)})), None),
        (StartWishes(blocked_on=frozenset({day(3)})), ("09:00", "11:55", 1)),
    ],
)
def test_wishes_bound_the_start(wishes, found):
    assert left(wishes=(StartWishes(), wishes)) == found


def test_the_course_s_own_wishes_hold_too():
    assert left(latest=time(11)) == ("09:00", "10:00", 1)  # the patient leaves an hour after the start
    assert left(weekdays=frozenset({2})) is None
    assert left(blocked_on=frozenset({day(2)})) is None
    assert left(not_on={"infusion-2": frozenset({day(2)})}) is None


def test_times_of_day_are_not_asked_of_a_visit_that_gives_no_drug_where_only_doses_are_meant():
    asked = Request(SERIES, MONDAY, weekdays=frozenset({1}), latest=time(9), dosing_only=True)

    assert wishes_of(asked, SERIES.action("infusion-2")) == StartWishes()


@pytest.mark.parametrize(("monday", "found"), [("09:00", ("09:00", "11:55", 1)), (None, None)])
def test_the_gap_to_a_visit_before_that_stays_is_kept(monday, found):
    on = day(0) if monday else day(1)  # a day later the gap is one day, two are needed

    assert left(current={**SPACED, "infusion-1": booked("infusion-1", on, "09:00")}) == found


def test_the_gap_to_a_visit_that_is_over_is_kept():
    rest = {key: visit for key, visit in SPACED.items() if key != "infusion-1"}
    over = {on: Done("infusion-1", at(on, "09:00"), at(on, "10:00")) for on in (day(0), day(1))}

    assert left(current=rest, done={"infusion-1": over[day(0)]}) == ("09:00", "11:55", 1)
    assert left(current=rest, done={"infusion-1": over[day(1)]}) is None


def test_a_gap_in_hours_is_counted_from_the_end():
    visits = {
        "infusion-1": booked("infusion-1", day(1), "09:30"),
        "therapy-1": booked("therapy-1", day(3), "09:00", 50, 2, 5),
        "infusion-2": booked("infusion-2", day(4), "09:00"),
        "therapy-2": booked("therapy-2", day(7), "09:00", 50, 2, 5),
    }

    assert left("therapy-1", WITH_THERAPY, visits) == ("10:30", "11:55", 0)


def test_what_others_use_is_not_free():
    taken = (1, 0, at(day(2), "10:00"), at(day(2), "10:30"))

    assert left(occupied=[taken], opened=Window(at(day(2), "09:00"), at(day(2), "10:30"))) == (
        "09:00",
        "09:00",
        1,
    )
    assert left(occupied=[(1, 0, at(day(2), "09:30"), at(day(2), "12:30"))]) is None


def test_time_of_the_patient_s_own_visits_may_be_used():
    visits = {**SPACED, "infusion-2": booked("infusion-2", day(2), "10:00")}
    taken = (1, 0, at(day(2), "11:00"), at(day(2), "12:00"))

    assert left(current=visits, occupied=[taken]) == ("09:00", "09:55", 1)
    assert left(current=visits, occupied=[(1, 0, at(day(2), "09:00"), at(day(2), "09:30"))]) is not None


def test_the_patient_is_not_in_two_places():
    busy = Window(at(day(2), "10:00"), at(day(2), "11:00"))

    assert left(busy=(busy,), opened=Window(at(day(2), "09:05"), at(day(2), "11:00"))) is None
    assert left(busy=(busy,)) == ("09:00", "11:55", 1)


def test_a_companion_needs_a_place_within_its_gap():
    visits = {
        "infusion-1": booked("infusion-1", day(4), "09:00"),
        "therapy-1": booked("therapy-1", day(7), "09:00", 50, 2, 5),
        "infusion-2": booked("infusion-2", day(8), "09:00"),
        "therapy-2": booked("therapy-2", day(9), "11:00", 50, 2, 5),
    }
    away = {5: [Window(at(day(3), "00:00"), at(day(7), "00:00"))]}

    assert left("infusion-1", WITH_THERAPY, visits) == ("09:00", "11:55", 2)
    assert left("infusion-1", WITH_THERAPY, visits, closures=away) is None


def test_a_companion_that_is_near_enough_stays():
    visits = {
        "infusion-1": booked("infusion-1", day(3), "09:00"),
        "therapy-1": booked("therapy-1", day(4), "10:00", 50, 2, 5),
        "infusion-2": booked("infusion-2", day(6), "09:00"),
        "therapy-2": booked("therapy-2", day(7), "11:00", 50, 2, 5),
    }
    away = {5: [Window(at(day(3), "00:00"), at(day(7), "00:00"))]}

    assert left("infusion-1", WITH_THERAPY, visits, closures=away) == ("09:00", "11:55", 0)


def test_a_first_booking_needs_all_that_follows_it_at_once():
    visit = plan(replace(SERIES.firm[0], offset=None))

    assert left("infusion-1", visit, {}) == ("09:00", "11:55", 0)
    assert left("infusion-1", SERIES, {}) == ("09:00", "11:55", 0)
    closed = {None: [Window(at(day(3), "00:00"), at(day(8), "00:00"))]}
    assert left("infusion-1", SERIES, {}, closures=closed) is None


def test_only_the_people_whom_the_course_chose_are_asked():
    session = plan(replace(SERIES.firm[0], phases=THERAPY, offset=None, before=None))
    people = staff(1, 2, 1, 1, 2)  # the therapists are 6 and 7
    taken = (7, 0, OPENED.start, OPENED.end + timedelta(hours=1))

    assert left("infusion-1", session, {}, [taken], people=people) == ("09:00", "11:55", 0)
    chosen = frozenset({7})
    assert left("infusion-1", session, {}, [taken], people=people, practitioner_ids=chosen) is None


def test_time_before_the_patient_comes_counts():
    visit = (phase("prepare", 30, need(Role.ROOM), attended=False), phase("talk", 30, Role.ROOM))
    prepared = plan(replace(SERIES.firm[0], phases=visit, offset=None, before=None))

    assert left("infusion-1", prepared, {}) == ("09:30", "11:55", 0)
    assert left("infusion-1", prepared, {}, now=at(day(2), "10:00")) == ("10:30", "11:55", 0)


def test_an_opened_time_outside_the_calendar_serves_nobody():
    assert left(opened=Window(at(day(60), "09:00"), at(day(60), "12:00"))) is None
    assert left(opened=Window(at(day(2), "20:00"), at(day(2), "22:00"))) is None


def test_the_best_are_named_first_and_only_they_are_worked_out():
    worked_out = []

    def answer(one):
        worked_out.append(one)
        return one if one != 3 else None

    found = best_first([9, 3, 5, 1], lambda one: (one - 1,), answer, lambda one: (one,))

    assert next(found) == 1
    assert worked_out == [1]
    assert list(found) == [5, 9]


def test_of_equal_rank_the_first_asked_comes_first():
    found = best_first("bca", lambda _: (0,), lambda one: one, lambda _: (0,))

    assert list(found) == ["b", "c", "a"]
