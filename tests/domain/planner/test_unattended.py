"""Phases without the patient: before the patient comes, between two that need the patient, and after."""

from dataclasses import replace
from datetime import timedelta

from scheduler.domain.planner import Availability, check, propose, reflow, slot_map
from scheduler.domain.planner.values import Request
from scheduler.domain.plans import Action, Role
from tests.domain.planner.clinics import MONDAY, NOW, at, calendar, days_after, minutes, phase, plan, staff

MIDDLE = (
    phase("blood", 20, Role.CHAIR, Role.NURSE),
    phase("lab", 60, Role.CHAIR, attended=False),
    phase("drip", 40, Role.CHAIR, Role.NURSE),
    phase("turnover", 10, Role.CHAIR, attended=False),
)
PREPARED = (
    phase("prepare", 20, Role.ROOM, attended=False),
    phase("session", 40, Role.ROOM, Role.THERAPIST),
)
TALK = (phase("talk", 20, Role.PRESCRIBER),)
DRIP = Action("drip", "drip", "Drip", MIDDLE)
SESSION = Action("session", "session", "Session", PREPARED)


def placed(request, availability):
    visits = propose(request, availability, now=NOW)[0].visits
    assert check(request, availability, visits, now=NOW) == []
    return {visit.action: visit for visit in visits}


def test_the_patient_stays_from_the_first_attended_phase_to_the_last():
    request = Request(plan(DRIP), MONDAY)
    availability = Availability(calendar(1))

    drip = placed(request, availability)["drip"]

    assert drip.attended_end - drip.start == minutes(120)
    assert drip.end - drip.start == minutes(130)
    early = replace(drip, attended_end=drip.start + minutes(60))
    assert [found.rule for found in check(request, availability, [early], now=NOW)] == ["length"]


def test_the_next_visit_waits_for_the_patient():
    talk = Action("talk", "talk", "Talk", TALK, days_after("drip", 0, 0, 0))
    visits = placed(Request(plan(DRIP, talk), MONDAY), Availability(calendar(1)))

    assert visits["talk"].start >= visits["drip"].start + minutes(120)


def test_a_visit_starts_when_the_patient_comes():
    """The room is prepared from the hour at which the clinic opens."""
    request = Request(plan(SESSION), MONDAY)
    availability = Availability(calendar(1))

    assert slot_map(request, availability, now=NOW)["session"][0] == at(MONDAY, "09:20")
    session = placed(replace(request, pinned={"session": at(MONDAY, "09:20")}), availability)["session"]

    assert (session.first_use, session.start) == (at(MONDAY, "09:00"), at(MONDAY, "09:20"))
    assert session.attended_end == session.end == at(MONDAY, "10:00")
    assert {(s.phase, s.start) for s in session.segments} == {
        ("prepare", at(MONDAY, "09:00")),
        ("session", at(MONDAY, "09:20")),
    }


def test_a_room_is_prepared_while_the_patient_is_at_another_visit():
    session = replace(SESSION, offset=days_after("talk", 0, 0, 0))
    request = Request(plan(Action("talk", "talk", "Talk", TALK), session), MONDAY)
    availability = Availability(calendar(1, closes="10:00"))

    visits = placed(request, availability)

    assert visits["talk"].attended_end <= visits["session"].start
    assert visits["session"].first_use < visits["talk"].attended_end


def test_nothing_is_prepared_in_the_past():
    request = Request(plan(SESSION), MONDAY)
    availability = Availability(calendar(1))

    shaded = slot_map(request, availability, now=at(MONDAY, "10:00"))["session"]

    assert shaded[0] == at(MONDAY, "10:20")
    early = placed(replace(request, pinned={"session": at(MONDAY, "10:15")}), availability)["session"]
    assert [found.rule for found in check(request, availability, [early], now=at(MONDAY, "10:00"))] == [
        "past"
    ]


def test_a_visit_that_is_being_prepared_stays():
    request = Request(plan(SESSION), MONDAY)
    availability = Availability(calendar(1))
    session = placed(request, availability)["session"]

    result = reflow(request, {"session": session}, {}, availability, now=session.first_use + minutes(5))

    assert result.moves == ()


def test_a_longer_preparation_takes_the_room_from_earlier_on():
    availability = Availability(calendar(1, staff()))
    request = Request(plan(SESSION), MONDAY, pinned={"session": at(MONDAY, "11:00")})
    session = placed(request, availability)["session"]
    longer = (replace(PREPARED[0], length=minutes(30)), PREPARED[1])
    request = Request(plan(replace(SESSION, phases=longer)), MONDAY)

    result = reflow(request, {"session": session}, {}, availability, now=NOW)

    (after,) = result.proposal.visits
    assert (after.start, after.first_use) == (session.start, session.first_use - timedelta(minutes=10))
