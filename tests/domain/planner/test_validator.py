"""Each rule is broken once, and the validator must name it and nothing else."""

from dataclasses import replace
from datetime import date, time, timedelta

import pytest

from scheduler.domain.planner import Availability, check, propose
from scheduler.domain.planner.values import Done, Placement, Request, Segment
from scheduler.domain.plans import Action, Edge, Role, Unit, lead_of
from scheduler.domain.windows import Window
from tests.domain.planner.clinics import (
    MONDAY,
    NOW,
    at,
    calendar,
    course,
    day,
    days_after,
    hours,
    hours_after,
    minutes,
    need,
    phase,
    plan,
    staff,
)

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
    protocol = REQUEST.plan
    actions = tuple(
        replace(a, offset=replace(a.offset, hard=True)) if a.key == "infusion-2" else a
        for a in protocol.actions
    )
    late = with_visit(visits, "infusion-2", lambda visit: moved(visit, timedelta(days=7)))
    late = with_visit(late, "therapy-2", lambda visit: moved(visit, timedelta(days=7)))

    assert broken(late, replace(REQUEST, plan=replace(protocol, actions=actions))) == {("gap", True)}


@pytest.mark.parametrize(
    ("offset", "distance", "unit"),
    [
        (days_after("drip-1", 2, 3, 4), timedelta(days=1), timedelta(days=1)),
        (days_after("drip-1", 2, 3, 4, Unit.WORKING_DAYS), timedelta(days=1), timedelta(days=1)),
        (hours_after("drip-1", 48, 72, 96), timedelta(hours=1), minutes(5)),
        (hours_after("drip-1", 48, 72, 96, Edge.START), timedelta(hours=1), minutes(5)),
    ],
)
def test_the_limits_of_a_gap_are_allowed_and_nothing_beyond_them(offset, distance, unit):
    """From Monday at ten: exactly the least and the most, and a day (or five minutes) less and more."""
    clinic = calendar(28, PEOPLE, [day(n) for n in range(28)])
    drip = (phase("drip", 60, Role.CHAIR),)
    two = plan(Action("drip-1", "drip", "Drip", drip), Action("drip-2", "drip", "Drip", drip, offset))
    request = Request(two, MONDAY)
    start = at(MONDAY, "10:00")
    begins = start + (minutes(60) if offset.edge is Edge.END else timedelta())

    def rules(gap):
        return broken(
            [placed("drip-1", start, drip, CHAIR), placed("drip-2", begins + gap, drip, CHAIR)],
            request,
            clinic,
        )

    assert rules(offset.min * distance) == rules(offset.max * distance) == set()
    assert rules(offset.min * distance - unit) == rules(offset.max * distance + unit) == {("gap", False)}


def test_a_gap_bent_once_has_limits_too():
    drip = (phase("drip", 60, Role.CHAIR),)
    second = Action("drip-2", "drip", "Drip", drip, days_after("drip-1", 2, 2, 2))
    request = Request(plan(Action("drip-1", "drip", "Drip", drip), second), MONDAY, slack={"drip-2": (1, 3)})
    first = placed("drip-1", at(MONDAY, "09:00"), drip, CHAIR)

    found = [
        broken([first, placed("drip-2", at(day(n), "09:00"), drip, CHAIR)], request) for n in range(1, 5)
    ]

    assert found == [set(), set(), set(), {("gap", False)}]


def test_working_days_before_the_calendar_are_mondays_to_fridays():
    drip = (phase("drip", 60, Role.CHAIR),)
    second = Action("drip-2", "drip", "Drip", drip, days_after("drip-1", 3, 3, 3, Unit.WORKING_DAYS))
    wednesday = at(day(-5), "09:00")
    request = Request(
        plan(Action("drip-1", "drip", "Drip", drip), second),
        MONDAY,
        done={"drip-1": Done("drip-1", wednesday, wednesday + minutes(60))},
    )

    found = [broken([placed("drip-2", at(day(n), "09:00"), drip, CHAIR)], request) for n in (0, 1)]

    assert found == [set(), {("gap", False)}]


def test_a_chair_is_taken_until_it_is_cleaned():
    """Two visits of one patient on one chair; what the patient sees does not overlap."""
    drip = (phase("drip", 45, Role.CHAIR), phase("turnover", 10, Role.CHAIR, attended=False))
    second = Action("drip-2", "drip", "Drip", drip, days_after("drip-1", 0, 0, 0))
    request = Request(plan(Action("drip-1", "drip", "Drip", drip), second), MONDAY)
    first = placed("drip-1", at(MONDAY, "14:00"), drip, CHAIR)

    def rules(wall, chair):
        return broken([first, placed("drip-2", at(MONDAY, wall), drip, chair)], request)

    assert rules("14:45", CHAIR) == rules("14:50", CHAIR) == {("taken", True)}
    assert rules("14:55", CHAIR) == rules("14:45", OTHER_CHAIR) == set()
    assert rules("14:40", OTHER_CHAIR) == {("order", False), ("patient", True)}


def test_one_person_in_two_roles_is_taken_once():
    both = replace(PEOPLE[PRESCRIBER - 1], roles=frozenset({Role.PRESCRIBER, Role.THERAPIST}))
    clinic = calendar(3, tuple(both if one.id == PRESCRIBER else one for one in PEOPLE))
    notes = (phase("consult", 20, Role.PRESCRIBER), phase("notes", 30, Role.PRESCRIBER, attended=False))
    talk = (phase("talk", 20, Role.THERAPIST),)
    second = Action("talk", "talk", "Talk", talk, hours_after("consult", 0, 0, 2))
    request = Request(plan(Action("consult", "consult", "Consult", notes), second), MONDAY)
    first = placed("consult", at(MONDAY, "09:00"), notes, PRESCRIBER)

    def rules(wall, person):
        return broken([first, placed("talk", at(MONDAY, wall), talk, person)], request, clinic)

    assert rules("09:45", PRESCRIBER) == {("taken", True)}
    assert rules("09:50", PRESCRIBER) == rules("09:20", THERAPIST) == set()


def test_one_resource_for_two_needs_of_a_visit():
    """Even a nurse with units to spare is one person."""
    lift = (phase("lift", 20, Role.NURSE, Role.NURSE),)
    request = Request(plan(Action("lift", "lift", "Lift", lift)), MONDAY)
    visit = placed("lift", at(MONDAY, "09:00"), lift, NURSE, OTHER_NURSE)

    assert broken([visit], request) == set()
    twice = replace(visit, segments=tuple(replace(s, resource_id=NURSE) for s in visit.segments))
    assert broken([twice], request) == {("role", True), ("twice", True)}


def test_of_two_therapists_one_goes_on():
    people = (*PEOPLE, replace(PEOPLE[THERAPIST - 1], id=8), replace(PEOPLE[THERAPIST - 1], id=9))
    session = (phase("session", 30, Role.THERAPIST, Role.THERAPIST), phase("end", 10, Role.THERAPIST))
    request = Request(plan(Action("session", "session", "Session", session)), MONDAY)
    clinic = calendar(3, people)

    found = [
        broken([placed("session", at(MONDAY, "09:00"), session, THERAPIST, 8, last)], request, clinic)
        for last in (THERAPIST, 8, 9)
    ]

    assert found == [set(), set(), {("same-resource", True)}]


def test_a_nurse_who_sets_up_alone_is_not_relieved_but_one_who_watches_is():
    for exclusive, expected in ((True, {("same-resource", True)}), (False, set())):
        set_up = (phase("set-up", 20, need(Role.NURSE, exclusive=exclusive)),)
        request = Request(plan(Action("visit", "visit", "Visit", set_up)), MONDAY)
        visit = placed("visit", at(MONDAY, "09:00"), set_up, NURSE)
        (segment,) = visit.segments
        half = segment.start + minutes(10)
        turns = (replace(segment, end=half), replace(segment, start=half, resource_id=OTHER_NURSE))

        assert broken([replace(visit, segments=turns)], request) == expected


def test_a_need_for_the_first_minutes_is_met_in_those():
    talk = (phase("talk", 30, need(Role.PRESCRIBER, length=minutes(10))),)
    request = Request(plan(Action("talk", "talk", "Talk", talk)), MONDAY)
    visit = placed("talk", at(MONDAY, "09:00"), talk, PRESCRIBER)
    (segment,) = visit.segments

    assert broken([visit], request) == set()
    shorter = replace(segment, end=segment.end - minutes(5))
    assert broken([replace(visit, segments=(shorter,))], request) == {("role", True)}
    longer = replace(segment, end=segment.end + minutes(5))
    assert broken([replace(visit, segments=(longer,))], request) == {("segment", True)}


def placed(key, start, phases, *resource_ids):
    """Return a visit with these resources, one for each need in order; the first again for each further phase."""
    moment = leaves = start - lead_of(phases)
    ids, segments = list(resource_ids), []
    for each in phases:
        for one in each.needs:
            used = ids.pop(0) if ids else resource_ids[0]
            segments.append(
                Segment(
                    used, one.role, each.name, moment, moment + (one.length or each.length), one.exclusive
                )
            )
        moment += each.length
        leaves = moment if each.attended else leaves
    return Placement(key, start, moment, leaves, tuple(segments))


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


def test_a_person_on_leave(visits):
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
    unassigned = with_visit(visits, "infusion-1", lambda v: replace(v, segments=v.segments[1:]))

    assert broken(nurse_as_therapist) == {("role", True)}
    assert ("same-resource", True) in broken(two_chairs)
    assert broken(unassigned) == {("role", True)}


def test_more_than_the_visit_needs(visits):
    def greedy(visit):
        return replace(
            visit, segments=(*visit.segments, replace(visit.segments[0], role=Role.ROOM, resource_id=ROOM))
        )

    assert broken(with_visit(visits, "infusion-1", greedy)) == {("segment", True)}


def test_a_chair_and_a_nurse_taken_twice(visits):
    first = next(visit for visit in visits if visit.action == "infusion-1")
    chair = [(s.resource_id, 0, s.start, s.end) for s in first.segments if s.role is Role.CHAIR]
    set_up = [
        (s.resource_id, 2, s.start, s.end) for s in first.segments if s.role is Role.NURSE and s.exclusive
    ]
    watching = [
        (s.resource_id, 2, s.start, s.end) for s in first.segments if s.role is Role.NURSE and not s.exclusive
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


def test_a_rule_that_is_broken_at_another_time_or_place_is_another_one(visits):
    """A person who moves a visit from a retired chair to one that is retired, too, breaks the rule again."""
    clinic = calendar(28, tuple(one for one in PEOPLE if one.id not in (CHAIR, OTHER_CHAIR)))

    def found(placements):
        return {
            one for one in check(REQUEST, Availability(clinic), placements, now=NOW) if one.rule == "role"
        }

    key = visits[0].action
    used = next(s.resource_id for s in visits[0].segments if s.role is Role.CHAIR)
    other = OTHER_CHAIR if used == CHAIR else CHAIR
    before = found(visits)
    elsewhere = found(with_visit(visits, key, lambda visit: on_chair(visit, other)))
    later = found(with_visit(visits, key, lambda visit: moved(visit, minutes(30))))

    assert before and before == found(tuple(visits))
    assert {one.action for one in elsewhere - before} == {key}
    assert {one.action for one in later - before} == {key}


def on_chair(visit, chair):
    segments = (replace(s, resource_id=chair) if s.role is Role.CHAIR else s for s in visit.segments)
    return replace(visit, segments=tuple(segments))
