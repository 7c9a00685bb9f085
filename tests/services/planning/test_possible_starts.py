from datetime import timedelta

import pytest

from scheduler.errors import Refusal
from scheduler.services.course import careplans
from scheduler.services.planning.possible_starts import possible_starts
from scheduler.services.visit import moves
from tests.cast import NOW
from tests.services.courses import visit

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
