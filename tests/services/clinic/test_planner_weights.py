"""The planner's weights as a clinic's setting."""

from dataclasses import fields
from datetime import datetime, time, timedelta

import pytest

from scheduler.domain import planner
from scheduler.domain.planner import Weights
from scheduler.domain.planner.answers.reflow import MOVE
from scheduler.errors import Invalid
from scheduler.services.clinic import planner_weights, schedules
from scheduler.services.course import lengths, make_ups
from scheduler.services.mail import settings_changes
from scheduler.services.planning import proposals
from scheduler.services.visit import moves, visits
from tests.cast import NOW
from tests.services.courses import MONDAY, visit, wishes

QUARTER = timedelta(minutes=15)


def test_every_weight_has_bounds_that_hold_ours():
    named = {*planner_weights.BOUNDS, *planner_weights.TIMES}

    assert named == {field.name for field in fields(Weights)}
    assert planner_weights.clean(planner_weights.to_document(Weights())) == {}


@pytest.mark.parametrize("preset", planner_weights.PRESETS)
def test_a_preset_is_within_the_bounds_and_has_a_name_of_its_own(preset):
    weights = planner_weights.PRESETS[preset]

    assert planner_weights.clean(weights) == weights
    assert [name for name, other in planner_weights.PRESETS.items() if other == weights] == [preset]


def test_each_preset_leads_to_what_its_name_says(session, harbor):
    for day in range(60):  # the prescriber is away in mornings, the therapist on some days
        on = MONDAY + timedelta(days=day)
        if day % 2 == 0:
            close(session, harbor, harbor.people["Pia"], on, time(8), time(14))
        if day % 5 == 1:
            close(session, harbor, harbor.people["Theo"], on, time(0), time(23))
    names = ("balanced", "soonest", "spacing", "patient")
    made = {name: outcome(session, harbor, name) for name in names}

    for preset, measure in {"soonest": "days", "spacing": "off_ideal", "patient": "off_time"}.items():
        found = {name: one[measure] for name, one in made.items()}
        assert found.pop(preset) < min(found.values()), (preset, made)


def test_full_days_leave_no_short_gaps(session, harbor):
    places = [place for name, place in harbor.places.items() if "Chair" in name]
    for day in range(
        60
    ):  # one chair, free for an infusion with 15 minutes to spare, or for an infusion exactly
        on = MONDAY + timedelta(days=day)
        for place in places[1:]:
            close(session, harbor, place, on, time(0), time(23))
        close(session, harbor, places[0], on, time(0), time(9))
        close(session, harbor, places[0], on, time(11, 20), time(14))
        close(session, harbor, places[0], on, time(16, 5), time(23))

    assert (
        outcome(session, harbor, "full-days")["fragments"] < outcome(session, harbor, "balanced")["fragments"]
    )


def close(session, cast, what, on, starts, ends):
    at = [datetime.combine(on, one, cast.clinic.zone) for one in (starts, ends)]
    schedules.close(session, cast.actor("mona"), *at, NOW, what.resource)


def outcome(session, harbor, preset):
    """Return how long the best course takes with a preset, and how far it is from the ideal in other ways."""
    weights = planner_weights.PRESETS[preset]
    settings_changes.change(session, harbor.actor("mona"), {"planner_weights": weights}, NOW)
    wanted = wishes(session, harbor, preferred=time(9))
    best = proposals.propose(session, harbor.actor("alice"), wanted, NOW)[0]
    starts = {one.action: one.start.astimezone(harbor.clinic.zone) for one in best.visits}
    plan = wanted.plan_definition.plan  # what comes before a series costs nothing up to its longest gap
    line = [
        one
        for one in plan.firm
        if one.offset and one.series and one.series == plan.action(one.offset.after).series
    ]
    fragments = next(term.cost for term in best.terms if term.key == "fragments")
    return {
        "days": (max(starts.values()).date() - wanted.not_before).days,
        "off_ideal": sum(
            abs((starts[one.key].date() - starts[one.offset.after].date()).days - one.offset.target)
            for one in line
        ),
        "off_time": sum(abs(one.hour * 60 + one.minute - 9 * 60) for one in starts.values()),
        "fragments": fragments // planner_weights.of(harbor.clinic).fragment,
    }


def test_every_weight_is_explained_on_the_page_of_priorities():
    explained = {name for _, weights in planner_weights.PARTS for name, _, _ in weights}

    assert explained == planner_weights.BOUNDS.keys() - {"usable_ticks"}  # which is chosen from a list


def test_all_preferences_together_weigh_less_than_one_move():
    most = {name: bounds[1] for name, bounds in planner_weights.BOUNDS.items()}
    visits, ticks = 24, 120  # infusions, therapies and calls of a long course, at ten-hour days
    each = (
        most["gap_day"] * 3
        + most["rhythm_change"]
        + (most["rhythm_tick"] + most["preferred_tick"]) * ticks
        + most["quarter"]
        + most["weekday"]
        + most["therapist"]
        + most["handover"]
        + most["busy_nurses"]
        + 2 * most["fragment"]
        + most["midday_tick"] * 24
    )

    assert (most["completion_day"] + most["first_day"]) * 182 + visits * each < MOVE


@pytest.mark.parametrize(
    ("weights", "refusal"),
    [
        ({"gap_day": -1}, "gap_day: must be a whole number from 0 to 2000"),
        ({"gap_day": True}, "gap_day: must be a whole number from 0 to 2000"),
        ({"completion_day": 19}, "completion_day: must be a whole number from 20 to 1000"),
        ({"midday_from": "noon"}, "midday_from: is not a time such as 11:30"),
        ({"midday_from": "14:00"}, "midday_until: must not be before the time from which midday counts"),
        ({"colour": 1}, "colour: is not a weight of the planner"),
        (
            {"quarter": 501, "fragment": 501},
            "quarter: must be a whole number from 0 to 500; fragment: must be a whole number from 0 to 500",
        ),
    ],
)
def test_what_is_out_of_bounds_is_refused_by_name(session, harbor, weights, refusal):
    with pytest.raises(Invalid) as refused:
        settings_changes.change(session, harbor.actor("mona"), {"planner_weights": weights}, NOW)

    assert str(refused.value) == refusal
    assert harbor.clinic.settings.planner_weights == {}


def test_moves_and_make_ups_weigh_as_the_clinic_does(session, harbor, monkeypatch, nora_course):
    alice, care_plan = harbor.actor("alice"), nora_course
    settings_changes.change(session, harbor.actor("mona"), {"planner_weights": {"rhythm_tick": 40}}, NOW)
    used, reflow = [], planner.reflow

    def noted(request, current, moved, availability, weights, **more):
        used.append(weights.rhythm_tick)
        return reflow(request, current, moved, availability, weights, **more)

    monkeypatch.setattr(planner, "reflow", noted)
    infusion, gone = visit(care_plan, "infusion-2"), visit(care_plan, "infusion-5")
    moves.plan_move(session, alice, infusion, infusion.start_at + QUARTER, NOW, scope="following")
    lengths.change_length(session, alice, care_plan, "infusion", "infusion", 45, NOW)
    visits.cancel(session, alice, [gone], NOW)
    make_ups.plan_make_up(session, alice, gone, NOW)

    assert used == [40, 40, 40]
