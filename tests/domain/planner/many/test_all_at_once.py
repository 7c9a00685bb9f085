"""Small closures: as few moves as one model of all courses finds."""

from dataclasses import replace

import pytest

from scheduler.domain.planner.many.occupation import Occupation
from scheduler.domain.planner.many.search import replan
from scheduler.domain.plans import Plan, Role
from tests.domain.planner.clinics import NOW, course, day, phase, staff
from tests.domain.planner.many.all_at_once import fewest
from tests.domain.planner.many.closures import Closure, closure

ROUNDS = 150


def hard(plan: Plan) -> Plan:
    """Return the plan with gaps that nobody may break."""
    actions = (
        replace(one, offset=replace(one.offset, hard=True)) if one.offset else one for one in plan.actions
    )
    return replace(plan, actions=tuple(actions))


def small(seed: int) -> Closure:
    """Return a closure of two weeks with up to six patients, on few places and therapists and short days."""
    visit = (phase("visit", 30, Role.CHAIR, Role.THERAPIST),)
    return closure(
        seed,
        6,
        staff(2, 0, 0, 0, 2),
        hard(course(3, (1, 2, 3), therapy=False, phases=visit)),
        days=14,
        closed=day(2 + seed % 3),
        wishes=0,
        opens=("09:00", "10:30"),
        first_days=3,
    )


def compare(seed: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return what we find and what the model finds."""
    instance = small(seed)
    held = {one.key: tuple(one.current.values()) for one in instance.courses}
    others = Occupation(instance.availability, held)
    others.release(list(held))
    resources = others.availability.taken
    grid = others.availability.grid
    taken = [
        (id_, unit, grid.instant(cell), grid.instant(cell + 1))
        for id_, units in resources.items()
        for unit, cells in units.items()
        for cell in range(grid.size - 1)
        if cells >> cell & 1
    ]
    found = replan(
        instance.courses,
        instance.availability,
        instance.weights,
        now=NOW,
        go_on=lambda *_: True,
        rounds=ROUNDS,
    )
    score = found.score
    ours = score.unplaced, score.kept_moved, score.moved, score.retimed
    return ours, fewest(instance.courses, instance.availability.calendar, taken, NOW)


@pytest.mark.parametrize("seed", range(6))
def test_a_small_closure_is_replanned_with_the_fewest_moves(seed):
    ours, best = compare(seed)

    assert ours == best
