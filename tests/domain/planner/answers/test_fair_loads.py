"""Work is spread: over people, and over the day."""

from random import Random

from scheduler.domain.planner import Availability, Weights, propose
from scheduler.domain.planner.values import Request
from scheduler.domain.plans import Action, Role
from tests.benchmarks import loads, waits
from tests.domain.planner.clinics import INFUSION, MONDAY, NOW, at, calendar, day, phase, plan, staff

CALL = plan(Action("call", "call", "Call", (phase("call", 10, Role.NURSE),)))
VISIT = plan(Action("visit", "infusion", "Infusion", INFUSION))


def nurse_of(proposal, resources):
    nurses = {one.id for one in resources if Role.NURSE in one.roles}
    return next(one for visit in proposal.visits for one in visit.practitioner_ids if one in nurses)


def test_courses_one_after_another_are_shared_by_the_nurses():
    taken = loads.minutes(36, seed=2)

    assert loads.ratio(taken, Role.NURSE) <= 1.3


def test_of_two_nurses_the_one_with_fewer_minutes_that_day_is_asked():
    people = staff(chairs=0, rooms=0, nurses=2, prescribers=0, therapists=0)
    first, second = people
    today = [(first.id, 0, at(MONDAY, "15:00"), at(MONDAY, "15:30"))]
    week = [(second.id, 0, at(day(1), "09:00"), at(day(1), "12:00"))]
    request = Request(CALL, MONDAY, count=1)

    busy_today = propose(request, Availability(calendar(7, people, occupied=[*today, *week])), now=NOW)[0]
    busy_in_the_week = propose(request, Availability(calendar(7, people, occupied=week)), now=NOW)[0]

    assert nurse_of(busy_today, people) == second.id
    assert nurse_of(busy_in_the_week, people) == first.id


def test_the_visits_of_the_course_count_too():
    people = staff(chairs=0, rooms=0, nurses=2, prescribers=0, therapists=0)
    twice = plan(CALL.actions[0], Action("again", "call", "Call", (phase("call", 10, Role.NURSE),)))

    visits = propose(Request(twice, MONDAY, count=1), Availability(calendar(7, people)), now=NOW)[0].visits

    assert visits[0].practitioner_ids != visits[1].practitioner_ids


def test_of_two_therapists_who_cost_the_same_the_less_busy_one_is_the_courses_own():
    people = staff(chairs=1, rooms=1, nurses=1, prescribers=0, therapists=2)
    first = next(one for one in people if Role.THERAPIST in one.roles)
    busy = [(first.id, 0, at(day(13), "16:00"), at(day(13), "17:00"))]
    session = (phase("session", 50, Role.ROOM, Role.THERAPIST),)
    sessions = plan(*[Action(f"s{n}", "session", "Session", session) for n in (1, 2)])

    course = propose(
        Request(sessions, MONDAY, count=1), Availability(calendar(21, people, occupied=busy)), now=NOW
    )[0]

    assert all(first.id not in visit.practitioner_ids for visit in course.visits)


def test_a_set_up_goes_where_nurses_have_time():
    people = staff(chairs=4, rooms=0, nurses=2, prescribers=1, therapists=0)
    nurse = next(one for one in people if Role.NURSE in one.roles)
    busy = [(nurse.id, unit, at(MONDAY, "09:00"), at(MONDAY, "09:15")) for unit in range(nurse.units)]
    availability = Availability(calendar(1, people, occupied=busy))
    request = Request(VISIT, MONDAY, count=1)

    even = propose(request, availability, now=NOW)[0]
    packed = propose(request, availability, Weights(busy_nurses=0), now=NOW)[0]

    assert packed.visits[0].start == at(MONDAY, "09:00")
    assert even.visits[0].start == at(MONDAY, "09:30")  # at 9:15 a chair would have a gap too short to use
    assert {term.key: term.cost for term in even.terms}["nurses"] == 0


def test_even_set_ups_make_patients_wait_a_third_as_long_at_most():
    first, even = (waits.waits(waits.booked(24, way), 100, Random(1)) for way in (None, waits.EVEN))

    assert first.booked == even.booked == 24
    assert even.mean <= first.mean / 3
