"""Who takes over from a therapist who leaves: one for all courses where possible, at the price of new times only."""

from dataclasses import replace
from datetime import timedelta

from scheduler.domain.planner import Availability, Weights, propose
from scheduler.domain.planner.many.insertion import therapists_of
from scheduler.domain.planner.many.occupation import Occupation
from scheduler.domain.planner.many.search import replan
from scheduler.domain.planner.many.values import AffectedCourse
from scheduler.domain.planner.values import Request
from scheduler.domain.plans import Role
from scheduler.domain.windows import Window
from tests.domain.planner.clinics import MONDAY, NOW, at, calendar, course, day, phase, staff
from tests.domain.planner.many.test_search import always

LEAVING, FIRST, SECOND = 3, 4, 5  # after two rooms
VISIT = (phase("session", 50, Role.ROOM, Role.THERAPIST),)
WEEKS = Window(at(MONDAY, "00:00"), at(day(42), "00:00"))


def leaving(own_hours, wishes=()):
    """Return two courses of the therapist who leaves, and the calendar on which that one is away."""
    free = calendar(42, staff(0, 2, 0, 0, 3))
    plan = course(2, (7, 7, 7), therapy=False, phases=VISIT)
    request = Request(plan, MONDAY, practitioner_ids=frozenset({LEAVING}), count=1)
    occupation = Occupation(Availability(free), {})
    for key in range(2):
        occupation.occupy(key, propose(request, occupation.availability, now=NOW)[0].visits)
    closed = Occupation(Availability(replace(free, closures={LEAVING: [WEEKS], **own_hours})), {})
    courses = []
    for key, visits in occupation.held.items():
        assert closed.occupy(key, visits)
        current = {visit.action: visit for visit in visits}
        wished = replace(request, practitioner_ids=frozenset(wishes))
        courses.append(AffectedCourse(key, key, wished, current, frozenset(current), leaving=LEAVING))
    return courses, closed.availability


def therapists(found):
    return [therapists_of(plan.course, plan.visits) for plan in found.plans]


def mornings(until):
    return [Window(at(day(number), "08:00"), at(day(number), until)) for number in range(42)]


def test_one_therapist_takes_over_all_courses_though_that_takes_new_times():
    """Each has time at the present time of one of the two courses only."""
    courses, closed = leaving({})
    first, second = (one.current["infusion-1"].start for one in courses)
    assert first != second
    off = {
        FIRST: [Window(one.start, one.end) for one in courses[1].booked],
        SECOND: [Window(one.start, one.end) for one in courses[0].booked],
    }
    courses, closed = leaving(off)
    found = replan(courses, closed, Weights(), now=NOW, go_on=always, rounds=10)
    [one, other] = therapists(found)

    assert one == other == {found.plans[0].course.successor}
    assert found.score.apart == 0 and found.score.retimed > 0
    without = [replace(one, leaving=0) for one in courses]
    assert replan(without, closed, Weights(), now=NOW, go_on=always, rounds=10).score.retimed == 0


def test_a_successor_is_not_had_by_moving_visits_that_could_stay():
    """The visit of the next week is with someone else, and the gap leaves its day no choice."""
    courses, _ = leaving({})
    off = [
        Window(one.start - timedelta(hours=12), one.end + timedelta(hours=12))
        for one in courses[0].booked[:1]
    ]
    [first, second], closed = leaving({FIRST: off})
    stays = replace(first, displaced=frozenset({"infusion-1"}))
    found = replan([stays, second], closed, Weights(), now=NOW, go_on=always, rounds=10)

    assert found.score.others_moved == 0 and found.score.unplaced == 0
    chosen = found.plans[0].course.successor
    assert found.score.apart == (therapists(found)[0] != {chosen})


def test_a_patient_who_asked_for_another_therapist_keeps_that_one():
    courses, closed = leaving({SECOND: mornings("10:00")}, wishes=[SECOND])
    found = replan(courses, closed, Weights(), now=NOW, go_on=always)

    assert [plan.course.successor for plan in found.plans] == [0, 0]
    assert therapists(found) == [{SECOND}, {SECOND}]
