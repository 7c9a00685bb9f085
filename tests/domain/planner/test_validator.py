"""Each rule is broken once, and the validator must name it and nothing else."""

from dataclasses import replace
from datetime import date, time, timedelta

import pytest

from scheduler.domain.planner import Availability, check, propose
from scheduler.domain.planner.model import Done, Request
from scheduler.domain.plans import Role
from scheduler.domain.windows import Window
from tests.domain.planner.clinics import MONDAY, NOW, at, calendar, course, day, hours, minutes, staff

PEOPLE = staff(chairs=2, rooms=1, nurses=2, prescribers=1, therapists=1)
CHAIR, OTHER_CHAIR, ROOM, NURSE, OTHER_NURSE, PRESCRIBER, THERAPIST = range(1, 8)
REQUEST = Request(course(2), MONDAY)
CALENDAR = calendar(28, PEOPLE)


@pytest.fixture(scope="module")
def visits():
    """Two infusions with their therapy: Mondays and Thursdays at nine or so."""
    return propose(REQUEST, Availability(CALENDAR), now=NOW)[0].visits


def broken(visits, request=REQUEST, clinic=CALENDAR, now=NOW):
    return {
        (violation.rule, violation.hard)
        for violation in check(request, Availability(clinic), visits, now=now)
    }


def moved(visit, by):
    segments = tuple(replace(s, start=s.start + by, end=s.end + by) for s in visit.segments)
    return replace(
        visit,
        start=visit.start + by,
        end=visit.end + by,
        attended_end=visit.attended_end + by,
        segments=segments,
    )


def with_visit(visits, key, change):
    return tuple(change(visit) if visit.action == key else visit for visit in visits)


def given_to(visit, role, resource_id, but=None):
    segments = tuple(
        replace(s, resource_id=resource_id) if s.role is role and s.phase != but else s
        for s in visit.segments
    )
    return replace(visit, segments=segments)


def test_a_good_plan_breaks_nothing(visits):
    assert broken(visits) == set()


def test_a_gap_too_long(visits):
    late = with_visit(visits, "infusion-2", lambda visit: moved(visit, timedelta(days=7)))
    late = with_visit(late, "therapy-2", lambda visit: moved(visit, timedelta(days=7)))

    assert broken(late) == {("gap", False)}


def test_a_hard_gap_too_long(visits):
    plan = REQUEST.plan
    actions = tuple(
        replace(a, offset=replace(a.offset, hard=True)) if a.key == "infusion-2" else a for a in plan.actions
    )
    late = with_visit(visits, "infusion-2", lambda visit: moved(visit, timedelta(days=7)))
    late = with_visit(late, "therapy-2", lambda visit: moved(visit, timedelta(days=7)))

    assert broken(late, replace(REQUEST, plan=replace(plan, actions=actions))) == {("gap", True)}


def test_therapy_after_the_next_infusion(visits):
    starts = {visit.action: visit for visit in visits}
    by = starts["infusion-2"].attended_end + minutes(15) - starts["therapy-1"].start

    assert ("order", False) in broken(with_visit(visits, "therapy-1", lambda visit: moved(visit, by)))


def test_the_past_and_too_short_notice(visits):
    first = min(visit.start for visit in visits)

    assert broken(visits, now=first + minutes(5)) == {("past", True)}
    short = replace(CALENDAR, notice=timedelta(hours=2))
    assert broken(visits, clinic=short, now=first - minutes(60)) == {("notice", False)}


def test_a_closure_of_the_clinic_and_the_end_of_the_planned_weeks(visits):
    first = visits[0]
    holiday = {
        None: hours([first.start.date()], "12:00", "17:00") + hours([first.start.date()], "08:00", "09:05")
    }

    assert {("closed", True), ("off-duty", True)} <= broken(
        visits, clinic=replace(CALENDAR, closures=holiday)
    )
    assert ("horizon", True) in broken(visits, clinic=replace(CALENDAR, days=2))


def test_somebody_on_leave(visits):
    leave = {THERAPIST: hours([day(n) for n in range(14)], "08:00", "18:00")}

    assert broken(visits, clinic=replace(CALENDAR, closures=leave)) == {("off-duty", True)}


def test_nobody_who_prescribes_in_the_house(visits):
    only_mornings = {PRESCRIBER: hours([day(n) for n in range(14)], "08:00", "09:20")}

    found = broken(visits, clinic=replace(CALENDAR, hours={**CALENDAR.hours, **only_mornings}))

    assert ("presence", True) in found


def test_the_wrong_role_the_wrong_chair_and_two_chairs(visits):
    nurse_as_therapist = with_visit(visits, "therapy-1", lambda visit: given_to(visit, Role.THERAPIST, NURSE))
    two_chairs = with_visit(
        visits, "infusion-1", lambda v: given_to(v, Role.CHAIR, OTHER_CHAIR, but="set-up")
    )
    nobody = with_visit(visits, "infusion-1", lambda v: replace(v, segments=v.segments[1:]))

    assert broken(nurse_as_therapist) == {("role", True)}
    assert ("same-resource", True) in broken(two_chairs)
    assert broken(nobody) == {("role", True)}


def test_more_than_the_visit_needs(visits):
    def greedy(visit):
        return replace(
            visit, segments=(*visit.segments, replace(visit.segments[0], role=Role.ROOM, resource_id=ROOM))
        )

    assert broken(with_visit(visits, "infusion-1", greedy)) == {("segment", True)}


def test_a_chair_and_a_nurse_taken_twice(visits):
    first = next(visit for visit in visits if visit.action == "infusion-1")
    chair = [(s.resource_id, 0, window(s)) for s in first.segments if s.role is Role.CHAIR]
    set_up = [(s.resource_id, 2, window(s)) for s in first.segments if s.role is Role.NURSE and s.exclusive]
    watching = [
        (s.resource_id, 2, window(s)) for s in first.segments if s.role is Role.NURSE and not s.exclusive
    ]

    assert broken(visits, clinic=replace(CALENDAR, occupied=chair)) == {("taken", True)}
    assert broken(visits, clinic=replace(CALENDAR, occupied=set_up)) == {("taken", True)}
    assert broken(visits, clinic=replace(CALENDAR, occupied=watching)) == set()


def window(segment):
    return Window(segment.start, segment.end)


def test_a_patient_in_two_places(visits):
    busy = replace(CALENDAR, patient_busy=[window(visits[0].segments[0])])
    together = with_visit(
        visits, "therapy-1", lambda visit: moved(visit, visits[0].start - visit.start + minutes(10))
    )

    assert broken(visits, clinic=busy) == {("patient", True)}
    assert ("patient", True) in broken(together)


def test_a_done_action_counts_as_time_of_the_patient(visits):
    first = next(visit for visit in visits if visit.action == "infusion-1")
    done = {"infusion-1": Done("infusion-1", first.start, first.attended_end)}
    rest = [visit for visit in visits if visit.action != "infusion-1"]

    assert broken(rest, replace(REQUEST, done=done)) == set()
    second = next(visit for visit in rest if visit.action == "infusion-2")
    clash = {"infusion-1": Done("infusion-1", second.start, second.attended_end)}
    assert ("patient", True) in broken(rest, replace(REQUEST, done=clash))


@pytest.mark.parametrize(
    ("wish", "rule"),
    [
        ({"weekdays": frozenset({3})}, "weekday"),
        ({"earliest": time(16)}, "too-early"),
        ({"latest": time(9, 30)}, "too-late"),
        ({"blocked_on": frozenset(day(n) for n in range(14))}, "blocked"),
        ({"not_before": date(2027, 1, 1)}, "not-before"),
        ({"pinned": {"infusion-1": at(day(8), "11:00")}}, "pinned"),
    ],
)
def test_a_wish_that_is_not_kept(visits, wish, rule):
    assert broken(visits, replace(REQUEST, **wish)) == {(rule, False)}
