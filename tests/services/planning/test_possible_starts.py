from datetime import timedelta

import pytest

from scheduler.domain.localtime import local_on
from scheduler.errors import Refusal
from scheduler.services.course import careplans
from scheduler.services.planning.possible_starts import possible_starts
from scheduler.services.visit import moves
from tests.cast import NOW
from tests.services.courses import book, visit

TICK = timedelta(minutes=5)


@pytest.fixture
def infusion(session, harbor, nora_course):
    return visit(nora_course, "infusion-2")


def test_each_shaded_start_can_be_moved_to_and_the_next_one_cannot(session, harbor, infusion):
    on = infusion.local_start.date()
    by_place = possible_starts(session, harbor.actor("alice"), infusion, on, NOW)
    chair = harbor.places["Chair 1"]
    starts = by_place[chair.resource_id]

    assert infusion.start_at in starts
    for start in (starts[0], starts[-1]):
        planned = moves.plan_move(
            session, harbor.actor("alice"), infusion, start, NOW, chair, scope="following"
        )
        assert planned[0].visit.start == start
    with pytest.raises(Refusal):
        moves.plan_move(
            session, harbor.actor("alice"), infusion, starts[-1] + TICK, NOW, chair, scope="following"
        )


def test_a_day_that_no_course_reaches_has_no_start(session, harbor, infusion):
    tomorrow = NOW.date() + timedelta(days=1)  # what comes before an infusion 2 takes longer

    found = possible_starts(session, harbor.actor("alice"), infusion, tomorrow, NOW)

    assert set(found.values()) == {()}


def test_its_own_time_counts_as_free_whichever_chair_it_has(session, harbor, infusion):
    on = infusion.local_start.date()
    before = possible_starts(session, harbor.actor("alice"), infusion, on, NOW)
    other = harbor.places["Chair 2"]
    moves.apply_moves(
        session,
        harbor.actor("alice"),
        moves.plan_move(session, harbor.actor("alice"), infusion, infusion.start_at, NOW, other, scope="one"),
        NOW,
    )

    after = possible_starts(session, harbor.actor("alice"), infusion, on, NOW)

    assert after == before


def test_a_visit_that_is_off_goes_nowhere(session, harbor, infusion):
    careplans.hold(session, harbor.actor("ada"), infusion.care_plan, NOW, "on holiday")

    assert possible_starts(session, harbor.actor("ada"), infusion, infusion.local_start.date(), NOW) == {}


def test_a_dose_keeps_away_from_those_of_another_course(session, harbor, nora_course):
    other = book(session, harbor, "esketamine-nasal", who="ada", override_reason="both, the prescriber asks")
    one, days = visit(other, "session-4"), harbor.clinic.settings.planning_horizon_days
    zone, actor = harbor.clinic.zone, harbor.actor("alice")
    starts = possible_starts(session, actor, one, NOW.date(), NOW, days)
    doses = [row.local_start.date() for row in nora_course.appointments if row.dosing and row.status.is_live]

    found = {local_on(start, zone) for each in starts.values() for start in each}
    assert found and all(abs((on - dose).days) >= 2 for on in found for dose in doses)
