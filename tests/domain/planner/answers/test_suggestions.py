from dataclasses import replace
from datetime import time

import pytest

from scheduler.domain.planner import Availability, propose
from scheduler.domain.planner.values import NoFit, Request
from scheduler.domain.plans import Action, Role
from tests.domain.planner.clinics import (
    MONDAY,
    NOW,
    calendar,
    course,
    day,
    days_after,
    hours,
    phase,
    plan,
    staff,
)

ROOMY = staff(chairs=3, rooms=2, nurses=2, prescribers=2, therapists=2)


def refusal(request, availability):
    with pytest.raises(NoFit) as refused:
        propose(request, availability, now=NOW)
    return refused.value


@pytest.mark.parametrize(
    "wishes",
    [
        {"weekdays": frozenset({1})},
        {"earliest": time(16), "latest": time(17)},
        {"blocked_on": frozenset(day(n) for n in range(28) if n != 1)},
        {"pinned": {"infusion-2": NOW}},
    ],
)
def test_each_suggestion_makes_room_when_it_is_taken(wishes):
    request = Request(course(3), MONDAY, **wishes)
    availability = Availability(calendar(28, ROOMY))

    for suggestion in refusal(request, availability).suggestions:
        assert suggestion.verified
        assert propose(replace(request, **suggestion.request), availability, now=NOW)


def test_a_weekday_that_would_help_is_offered():
    found = refusal(Request(course(3), MONDAY, weekdays=frozenset({1})), Availability(calendar(28, ROOMY)))

    assert [reason.action for reason in found.reasons] == ["infusion-2"]
    assert [s.text for s in found.suggestions] == ["Add Thursday", "Add Friday"]


def test_of_one_thing_only_the_least_that_helps_is_offered():
    request = Request(course(3), MONDAY, earliest=time(16), latest=time(17))
    found = refusal(request, Availability(calendar(28, ROOMY)))
    texts = [suggestion.text for suggestion in found.suggestions]

    assert sum(text.startswith(("Start from", "Start at any")) for text in texts) == 1
    assert sum(text.startswith("End by") for text in texts) <= 1
    assert "Any time of day" not in texts


def test_the_missing_half_days_of_a_therapist_are_named():
    therapists = [r.id for r in ROOMY if Role.THERAPIST in r.roles]
    mondays = hours([day(0), day(7), day(14)])
    availability = Availability(calendar(28, ROOMY, own_hours=dict.fromkeys(therapists, mondays)))

    found = refusal(Request(course(3, gap=(2, 2, 3)), MONDAY), availability)

    assert [(r.action, r.resource) for r in found.reasons] == [("therapy-2", "therapist")]
    assert found.suggestions[0].text == "One more therapist every Wednesday morning"


def test_nothing_is_suggested_when_nothing_helps():
    availability = Availability(calendar(10, ROOMY))

    assert refusal(Request(course(6), MONDAY), availability).suggestions == ()


def test_more_of_a_resource_is_not_offered_where_the_visits_would_still_meet():
    """With a therapist each visit has a start in the slot map, but a day of an hour has no room for all three."""
    half_an_hour = {
        role: (phase("visit", 30, role),) for role in (Role.CHAIR, Role.PRESCRIBER, Role.THERAPIST)
    }
    tuesday = plan(
        Action("call", "call", "Call", (phase("call", 10, Role.NURSE),)),
        Action("drip", "drip", "Drip", half_an_hour[Role.CHAIR], days_after("call", 1, 1, 1)),
        Action("review", "review", "Review", half_an_hour[Role.PRESCRIBER], days_after("drip", 0, 0, 0)),
        Action("talk", "talk", "Talk", half_an_hour[Role.THERAPIST], days_after("call", 1, 1, 1)),
    )
    clinic = calendar(2, staff(therapists=0), opens="09:00", closes="10:00")

    found = refusal(Request(tuesday, MONDAY), Availability(clinic))

    assert [(reason.action, reason.resource) for reason in found.reasons] == [("talk", "therapist")]
    assert found.suggestions == ()
