"""Many courses re-planned together: valid, with the fewest moves, and what has no place says why."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest

from scheduler.domain.localtime import local_on
from scheduler.domain.planner import Availability, Weights, check, propose
from scheduler.domain.planner.many.occupation import Occupation
from scheduler.domain.planner.many.search import replan
from scheduler.domain.planner.many.values import AffectedCourse, Bend, Score
from scheduler.domain.planner.values import Calendar, Request
from scheduler.domain.plans import Role
from scheduler.domain.windows import Window
from tests.domain.planner.clinics import MONDAY, NEW_YORK, NOW, at, calendar, course, day, phase, staff
from tests.domain.planner.many.closures import closed_on, closure

SMALL = {
    "people": staff(3, 1, 2, 1, 2),
    "plan": course(3, (2, 3, 4)),
    "days": 42,
    "first_days": 8,
    "closed": day(7),
}


def always(*_):
    return True


def small(seed, patients=6, **more):
    return closure(seed, patients, **{**SMALL, **more})


def planned(instance, rounds=5, **more):
    return replan(
        instance.courses,
        instance.availability,
        instance.weights,
        now=NOW,
        go_on=always,
        rounds=rounds,
        **more,
    )


def visits_after(instance, found):
    """Return the visits of each affected course as they are after the re-planning."""
    after = {plan.course.key: plan.visits for plan in found.plans}
    return after | {one.course.key: one.course.booked for one in found.unplaced}


@pytest.mark.parametrize("seed", range(5))
def test_every_plan_keeps_the_rules_and_nobody_is_booked_twice(seed):
    instance = small(seed)
    found = planned(instance)
    after = visits_after(instance, found)
    empty = Occupation(
        instance.availability, {one.key: tuple(one.current.values()) for one in instance.courses}
    )
    empty.release(list(empty.held))

    assert {*after} == {one.key for one in instance.courses}
    for plan in found.plans:
        others = empty.copy()
        for key, visits in after.items():
            assert key == plan.course.key or others.occupy(key, visits)
        occupied = others.availability.calendar
        assert check(asked(plan), with_taken(others, occupied), plan.visits, now=NOW) == []
        assert min(visit.start for visit in plan.visits) >= NOW
        assert {visit.action for visit in plan.visits} == {*plan.course.current}


def asked(plan):
    """Return the request that a plan answers: with what it says that it bends, and by the gaps before."""
    request = plan.course.request
    if Bend.WEEKDAY in plan.bent:
        request = replace(request, weekdays=frozenset())
    if Bend.HOURS in plan.bent:
        request = replace(request, earliest=None, latest=None)
    gaps = {
        key: (0, request.plan.action(key).offset.max + 3 * (24 if key.startswith("therapy") else 1))
        for key in plan.bent_gaps
    }
    return replace(request, slack=gaps)


def with_taken(occupation: Occupation, base: Calendar) -> Availability:
    """Return the calendar as a validator reads it: from what is taken, and not from bitsets."""
    taken = [
        (segment.resource_id, unit, segment.start, segment.end)
        for unit, visits in occupation.held.items()
        for visit in visits
        for segment in visit.segments
    ]
    return Availability(replace(base, occupied=taken))


@pytest.mark.parametrize("seed", range(5))
def test_it_is_never_better_than_the_bound_and_counts_what_it_moves(seed):
    instance = small(seed, 8)
    found = planned(instance)

    assert found.score >= found.bound
    moved = Counter()
    for plan in found.plans:
        for change in plan.changes:
            if change.before != change.after:
                kind = "retimed" if change.action in plan.course.displaced else "moved"
                moved[kind if change.action not in plan.course.keep else "kept_moved"] += 1
    assert (found.score.kept_moved, found.score.moved, found.score.retimed) == (
        moved["kept_moved"],
        moved["moved"],
        moved["retimed"],
    )
    assert found.score.unplaced == len(found.unplaced)


def test_the_same_seed_gives_the_same_answer():
    instance = small(3, 9)

    assert planned(instance, seed=7) == planned(instance, seed=7)


def test_more_rounds_are_never_worse():
    instance = small(5, 10)

    assert planned(instance, rounds=30).score <= planned(instance, rounds=0).score


def one_course(people, plan, **more):
    """Return a course that is booked alone, and the calendar with it."""
    free = calendar(42, people)
    request = Request(plan, MONDAY, count=1, **more)
    visits = propose(request, Availability(free), now=NOW)[0].visits
    occupation = Occupation(Availability(free), {})
    assert occupation.occupy(1, visits)
    return free, request, {visit.action: visit for visit in visits}, occupation


def test_a_visit_whose_nurse_is_gone_keeps_its_time_where_another_is_free():
    free, request, current, _ = one_course(staff(2, 1, 2, 1, 1), course(2))
    visit = current["infusion-1"]
    nurse = next(s.resource_id for s in visit.segments if s.role == "nurse")
    off = Window(visit.start - timedelta(hours=1), visit.end)
    absent = Occupation(Availability(replace(free, closures={nurse: [off]})), {})
    assert absent.occupy(1, current.values())
    affected = AffectedCourse(1, 1, request, current, frozenset({"infusion-1"}))

    found = replan([affected], absent.availability, Weights(), now=NOW, go_on=always)

    assert found.score._replace(cost=0) == Score()
    assert [one.why for one in found.plans[0].changes] == ["resources"]
    assert nurse not in [s.resource_id for s in found.plans[0].visits[0].segments]


def closed_from(free, current, occupation, days):
    first = min(visit.start for visit in current.values())
    return closed_on(free, [Window(first - timedelta(hours=12), first + timedelta(days=days))], occupation)


def test_a_course_without_a_place_keeps_its_other_visits_and_says_why():
    free, request, current, occupation = one_course(staff(), course(2, (2, 2, 2), therapy=False))
    rest_of_the_time = closed_on(
        free, [Window(current["infusion-1"].start, free.hours[None][-1].end)], occupation
    )
    affected = AffectedCourse(1, 1, request, current, frozenset(current))

    found = replan([affected], rest_of_the_time, Weights(), now=NOW + timedelta(days=1), go_on=always)

    assert found.plans == () and found.is_proven
    assert found.unplaced[0].course.key == 1
    assert found.unplaced[0].reasons


def test_a_wish_is_bent_only_where_nothing_else_helps_and_the_cheapest_first():
    mondays = frozenset({1})
    plan = course(2, (7, 7, 7), therapy=False)
    free, request, current, occupation = one_course(staff(), plan, weekdays=mondays)
    first = current["infusion-1"].start
    shut = closed_on(
        free, [Window(at(day(7 * n), "00:00"), at(day(7 * n + 1), "00:00")) for n in range(6)], occupation
    )
    affected = AffectedCourse(1, 1, request, current, frozenset(current))

    found = replan([affected], shut, Weights(), now=NOW, go_on=always)

    assert found.plans[0].bent == (Bend.WEEKDAY,)
    assert found.is_least and found.bound.bent == found.score.bent
    assert first.isoweekday() == 1


def test_a_gap_is_bent_last_and_named():
    plan = course(2, (2, 2, 2), therapy=False)
    free, request, current, occupation = one_course(staff(), plan)
    second = current["infusion-2"].start
    shut = closed_on(free, [Window(second - timedelta(hours=10), second + timedelta(hours=10))], occupation)
    pinned = replace(request, pinned={"infusion-1": current["infusion-1"].start})
    affected = AffectedCourse(1, 1, pinned, current, frozenset({"infusion-2"}))

    found = replan([affected], shut, Weights(), now=NOW, go_on=always)

    assert found.plans[0].bent == (Bend.SPACING,)
    assert found.plans[0].bent_gaps == ("infusion-2",)
    never = replace(affected, longer=0)
    assert replan([never], shut, Weights(), now=NOW, go_on=always).score.unplaced == 1


def test_nobody_takes_a_time_that_another_leaves_only_if_its_patient_agrees():
    """One visit a day fits: the first course must break its spacing, and would leave the Friday."""
    phases = (phase("visit", 60, Role.CHAIR),)
    open_on = [day(number) for number in range(21)]
    free = calendar(21, staff(1, 0, 0, 0, 0), open_on=open_on, closes="10:00")
    chain = Request(course(3, (2, 2, 2), therapy=False, phases=phases), MONDAY, count=1)
    single = Request(course(1, therapy=False, phases=phases), day(1), count=1)
    occupation = Occupation(Availability(free), {})
    for key, request in enumerate((chain, single)):
        occupation.occupy(key, propose(request, occupation.availability, now=NOW)[0].visits)
    first, second = ({visit.action: visit for visit in occupation.held[key]} for key in (0, 1))
    assert [visit.start.day for visit in (*first.values(), *second.values())] == [30, 2, 4, 1]
    shut = closed_on(free, [Window(at(day(1), "00:00"), at(day(3), "00:00"))], occupation)
    pinned = replace(chain, pinned={"infusion-1": first["infusion-1"].start})
    courses = [
        AffectedCourse(0, 0, pinned, first, frozenset({"infusion-2"})),
        AffectedCourse(1, 1, single, second, frozenset(second)),
    ]

    found = replan(courses, shut, Weights(), now=NOW, go_on=always, rounds=10)

    asked_for, certain = found.plans
    assert asked_for.bent == (Bend.SPACING,) and certain.bent == ()
    assert [visit.start.day for visit in asked_for.visits] == [30, 3, 5]
    assert certain.visits[0].start.day == 6, "the Friday stays theirs"


def test_nobody_takes_the_chair_of_a_visit_that_has_no_new_time_yet():
    chair, therapist = staff(1, 0, 0, 0, 1)
    free = calendar(14, (chair, therapist), closes="10:00")
    with_therapist = course(1, therapy=False, phases=(phase("visit", 60, Role.CHAIR, Role.THERAPIST),))
    alone = course(1, therapy=False, phases=(phase("visit", 60, Role.CHAIR),))
    requests = [Request(with_therapist, day(1), count=1), Request(alone, MONDAY, count=1)]
    occupation = Occupation(Availability(free), {})
    for key, request in enumerate(requests):
        occupation.occupy(key, propose(request, occupation.availability, now=NOW)[0].visits)
    shut = Window(at(MONDAY, "00:00"), at(day(1), "00:00"))
    away = Window(at(MONDAY, "00:00"), at(day(14), "00:00"))
    closed = Occupation(Availability(replace(free, closures={None: [shut], therapist.id: [away]})), {})
    courses = []
    for key, visits in occupation.held.items():
        closed.occupy(key, visits)
        current = {visit.action: visit for visit in visits}
        courses.append(AffectedCourse(key, key, requests[key], current, frozenset(current)))

    found = replan(courses, closed.availability, Weights(), now=NOW, go_on=always, rounds=3)

    assert [one.course.key for one in found.unplaced] == [0]
    assert [local_on(visit.start, NEW_YORK) for visit in found.plans[0].visits] == [day(2)]


def test_two_courses_of_one_patient_never_meet():
    people = staff(4, 2, 4, 2, 4)
    free = calendar(28, people)
    occupation, requests = Occupation(Availability(free), {}), {}
    for key in (1, 2):
        busy = [Window(v.start, v.attended_end) for one in occupation.held.values() for v in one]
        request = Request(course(2, (2, 2, 2)), MONDAY, count=1)
        alone = occupation.availability.changed(
            replace(occupation.availability.calendar, patient_busy=busy), (), ()
        )
        occupation.occupy(key, propose(request, alone, now=NOW)[0].visits)
        requests[key] = request
    shut = closed_on(free, [Window(at(MONDAY, "00:00"), at(day(1), "00:00"))], occupation)
    courses = []
    for key in (1, 2):
        current = {visit.action: visit for visit in occupation.held[key]}
        lost = frozenset(k for k, v in current.items() if v.start < at(day(1), "00:00"))
        courses.append(AffectedCourse(key, 99, requests[key], current, lost or frozenset(current)))

    found = replan(courses, shut, Weights(), now=NOW, go_on=always, rounds=3)

    visits = sorted((visit for plan in found.plans for visit in plan.visits), key=lambda visit: visit.start)
    assert len(found.plans) == 2
    for one, other in pairwise(visits):
        assert one.attended_end <= other.start


def test_told_to_stop_it_answers_with_the_best_so_far():
    instance = small(2, 8)
    stages = []

    def stop_at_once(stage, _done, _total):
        stages.append(stage)
        return False

    found = replan(instance.courses, instance.availability, instance.weights, now=NOW, go_on=stop_at_once)

    assert len(found.plans) + len(found.unplaced) == len(instance.courses)
    assert "better" not in stages
