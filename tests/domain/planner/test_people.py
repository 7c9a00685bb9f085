"""Who is given to which visit: two people of one role, one person with two roles."""

from dataclasses import replace

import pytest

from scheduler.domain.planner import Availability, Weights, check, propose, reflow, slot_map
from scheduler.domain.planner.search import cpsat
from scheduler.domain.planner.search.problem import PlanningProblem
from scheduler.domain.planner.values import NoFit, PlannerResource, Request
from scheduler.domain.plans import Action, Role
from scheduler.domain.windows import Window
from tests.domain.planner.clinics import (
    MONDAY,
    NOW,
    at,
    calendar,
    days_after,
    hours,
    hours_after,
    minutes,
    need,
    phase,
    plan,
    staff,
)

PAIR = (
    phase("session", 60, Role.ROOM, Role.THERAPIST, Role.THERAPIST),
    phase("talk", 20, Role.ROOM, Role.THERAPIST),
)
TWO_NURSES = (phase("infusion", 40, Role.CHAIR, Role.NURSE, Role.NURSE),)


def alone(phases):
    return Request(plan(Action("visit", "visit", "Visit", phases)), MONDAY, count=1)


@pytest.mark.parametrize(("phases", "role"), [(PAIR, Role.THERAPIST), (TWO_NURSES, Role.NURSE)])
def test_two_people_of_one_role_are_each_given_once(phases, role):
    availability = Availability(calendar(3, staff(nurses=2, therapists=2)))
    request = alone(phases)

    (visit,) = propose(request, availability, now=NOW)[0].visits

    first = [s.resource_id for s in visit.segments if s.role is role and s.phase == phases[0].name]
    assert len(first) == len(set(first)) == 2
    assert check(request, availability, [visit], now=NOW) == []


NOTES = (phase("consult", 15, Role.PRESCRIBER), phase("notes", 30, Role.PRESCRIBER, attended=False))
TALK = (phase("talk", 20, Role.THERAPIST),)
BOTH = PlannerResource(1, "Dr. X", frozenset({Role.PRESCRIBER, Role.THERAPIST}))
OTHER = PlannerResource(2, "Dr. Y", frozenset({Role.THERAPIST}))


def consult_then_talk(most=1):
    first = Action("consult", "consult", "Consult", NOTES)
    return Request(
        plan(first, Action("talk", "talk", "Talk", TALK, hours_after("consult", 0, 0, most))), MONDAY
    )


def starts(visits):
    return {visit.action: visit.start for visit in visits}


def test_a_person_with_two_roles_is_not_given_to_two_visits_at_once():
    availability = Availability(calendar(1, (BOTH,)))
    request = consult_then_talk()

    best = propose(request, availability, now=NOW)[0]

    assert check(request, availability, best.visits, now=NOW) == []
    assert starts(best.visits) == {"consult": at(MONDAY, "09:00"), "talk": at(MONDAY, "09:45")}
    with pytest.raises(NoFit) as refused:
        propose(consult_then_talk(most=0), availability, now=NOW)
    assert refused.value.proven


def test_the_visit_does_not_wait_where_there_is_another_person():
    availability = Availability(calendar(1, (BOTH, OTHER)))
    request = consult_then_talk(most=0)

    best = propose(request, availability, now=NOW)[0]

    assert check(request, availability, best.visits, now=NOW) == []
    assert best.proven
    assert starts(best.visits)["talk"] == starts(best.visits)["consult"] + minutes(15)


@pytest.mark.parametrize(("works", "later"), [([], 45), (["10:15"], 15)])
def test_the_other_person_helps_only_when_on_duty(works, later):
    """Where the other one works from 10:15, a consult at ten is followed at once."""
    own = {OTHER.id: [Window(at(MONDAY, begins), at(MONDAY, "10:40")) for begins in works]}
    clinic = calendar(1, (BOTH, OTHER), opens="09:00" if not works else "10:00", own_hours=own)
    availability, request = Availability(clinic), consult_then_talk()
    problem = PlanningProblem(request, availability, Weights(), NOW)

    best = propose(request, availability, now=NOW)[0]

    assert check(request, availability, best.visits, now=NOW) == []
    assert best.proven and best.cost == cpsat.solve(problem, seconds=60).cost
    assert starts(best.visits)["talk"] - starts(best.visits)["consult"] == minutes(later)


def test_a_visit_that_stays_keeps_its_person_beside_the_one_that_moves():
    availability = Availability(calendar(1, (replace(BOTH, id=3, name="Dr. Z"), BOTH, OTHER)))
    request = consult_then_talk(most=8)
    current = {visit.action: visit for visit in propose(request, availability, now=NOW)[0].visits}
    wanted = {"talk": current["consult"].attended_end}

    after = reflow(request, current, wanted, availability, now=NOW).proposal.visits

    assert check(request, availability, after, now=NOW) == []
    assert current["consult"] in after


def test_the_second_visit_on_one_chair_waits_until_it_is_cleaned():
    drip = (phase("drip", 40, Role.CHAIR), phase("turnover", 15, Role.CHAIR, attended=False))
    second = Action("second", "drip", "Drip", drip, days_after("first", 0, 0, 0))
    request = Request(plan(Action("first", "drip", "Drip", drip), second), MONDAY)

    for chairs, possible, begins in ((1, "09:55", "10:00"), (2, "09:40", "09:45")):
        availability = Availability(calendar(1, staff(chairs=chairs)))
        best = propose(request, availability, now=NOW)[0]

        assert check(request, availability, best.visits, now=NOW) == []
        assert best.proven and starts(best.visits)["second"] == at(MONDAY, begins)
        assert slot_map(request, availability, now=NOW)["second"][0] == at(MONDAY, possible)


def test_beside_a_nurse_who_stays_two_others_may_take_turns():
    setting_up = phase("set-up", 30, need(Role.NURSE, exclusive=True), Role.NURSE)
    nurses = tuple(PlannerResource(n, f"Nurse {n}", frozenset({Role.NURSE}), 3) for n in (1, 2, 3))
    own = {2: hours([MONDAY], "09:00", "09:15"), 3: hours([MONDAY], "09:15", "09:30")}
    availability = Availability(calendar(1, nurses, closes="09:30", own_hours=own))
    request = alone((setting_up,))

    best = propose(request, availability, now=NOW)[0]

    assert check(request, availability, best.visits, now=NOW) == []
    shared = [segment.resource_id for segment in best.visits[0].segments if not segment.exclusive]
    assert shared == [2, 3]


def test_a_resource_without_units_is_never_free():
    idle = PlannerResource(1, "Chair", frozenset({Role.CHAIR}), units=0)
    with pytest.raises(NoFit):
        propose(alone((phase("drip", 30, Role.CHAIR),)), Availability(calendar(1, (idle,))), now=NOW)
    for exclusive in (True, False):
        without = PlannerResource(1, "Nurse", frozenset({Role.NURSE}), units=0)
        asked = (phase("call", 10, need(Role.NURSE, exclusive=exclusive)),)
        with pytest.raises(NoFit):
            propose(alone(asked), Availability(calendar(1, (without,))), now=NOW)


def test_the_course_keeps_its_therapist_where_another_can_prescribe():
    """Dr. X could do both parts of each session; as therapist of the course, only one of them."""
    session = (phase("session", 30, Role.PRESCRIBER, Role.THERAPIST),)
    people = (BOTH, replace(BOTH, id=2, name="Dr. Y"))
    again = Action("again", "session", "Session", session, days_after("session", 1, 1, 1), series="session")
    first = Action("session", "session", "Session", session, series="session")
    request = Request(plan(first, again), MONDAY)
    availability = Availability(calendar(3, people))

    best = propose(request, availability, now=NOW)[0]

    therapists = {s.resource_id for v in best.visits for s in v.segments if s.role is Role.THERAPIST}
    assert len(therapists) == 1
    assert check(request, availability, best.visits, now=NOW) == []
