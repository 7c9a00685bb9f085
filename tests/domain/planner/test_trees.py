"""The planner against trying all, on random courses of any shape.

SERIATE_TREES=2000 tries so many of each family, from SERIATE_FIRST_TREE on, and prints what it has seen.
"""

import os
from collections import Counter
from itertools import combinations
from random import Random

import pytest

from scheduler.domain.planner import check
from scheduler.domain.planner.answers.placements import proposal_of
from scheduler.domain.planner.measures import line_visits
from scheduler.domain.planner.search.course import line_of
from scheduler.domain.planner.values import GaveUp
from tests.domain.planner.exhaustive import Exhaustive, Undecided, tick
from tests.domain.planner.trees import tree

FIRST, NUMBER = int(os.environ.get("SERIATE_FIRST_TREE", "36")), int(os.environ.get("SERIATE_TREES", "12"))
BATCH = 12


def agrees(seed: int, family: str) -> str:
    """Compare one instance; return what it was."""
    problem = tree(seed, family=family)
    try:
        ours = problem.optimum.best(problem.sets)
    except GaveUp:
        return "gave up"
    every = Exhaustive(problem)
    for step in problem.course.steps:
        grid = problem.availability.grid
        assert [tick(grid.instant(cell)) for cell in grid.cells(problem.sets[step])] == every.starts[
            step.key
        ], seed
    if ours is not None:
        proposal = proposal_of(problem, ours)
        assert not broken(problem, proposal.visits), seed
        assert sum(term.cost for term in proposal.terms) == ours.cost, seed
        for step, cell in ours.cells.items():
            assert cell in problem.slots.cells[step], seed
    check_slot_map(problem, every, seed)
    try:
        least = every.best()
    except Undecided:
        return "undecided"
    if ours is None:
        assert least is None, seed
        return "no course"
    assert least is not None and least <= ours.cost, seed
    assert least == ours.cost or not ours.proven, seed
    return "best" if ours.proven else "unproven"


def check_slot_map(problem, every, seed):
    """Compare one start by chance: all in a complete course are listed; others only where the planner says so."""
    chance = Random(seed)
    step = chance.choice(problem.course.steps)
    free = problem.availability.grid.cells(problem.sets[step])
    if not free:
        return
    cell = chance.choice(free)
    listed = problem.slots.complete and cell in problem.slots.cells[step]
    try:
        possible = every.possible(step.key, tick(problem.availability.grid.instant(cell)))
    except Undecided:
        return
    assert listed == possible or (listed and may_list_too_many(problem)), (seed, step.key, cell)


def may_list_too_many(problem):
    """Tell whether one of the three reasons holds that planner.slot_map names."""
    course, width = problem.course, problem.availability.grid.width
    if any(len(list(node.children())) > 4 for node in (*course.steps, *course.groups)):
        return True
    if any(not phase.attended for step in course.steps for phase in step.action.phases):
        return True
    rows = {step: set(cells // width) for step, cells in problem.slots.cells.items()}
    return any(rows[one] & rows[other] and apart(one, other) for one, other in combinations(course.steps, 2))


def apart(one, other):
    """Tell whether two visits follow different ones, and neither of them the other."""
    above = [[step.key for step in _upwards(visit)] for visit in (one, other)]
    follow = [visit.offset.after if visit.offset else None for visit in (one, other)]
    return one.key not in above[1] and other.key not in above[0] and follow[0] != follow[1]


def _upwards(step):
    while step is not None:
        yield step
        step = step.parent


def broken(problem, visits):
    """Return the rules that are broken. A pinned visit may break preferences: it was put there by hand."""
    found = check(problem.request, problem.availability, visits, now=problem.now)
    return [one for one in found if one.hard or one.action not in problem.request.pinned]


@pytest.mark.parametrize("family", ["any", "clock", "four units"])
@pytest.mark.parametrize("first", range(FIRST, FIRST + NUMBER, BATCH))
def test_random_courses_are_placed_as_trying_all_places_them(family, first):
    seen = Counter(agrees(seed, family) for seed in range(first, min(first + BATCH, FIRST + NUMBER)))

    print(f"{family}, seeds {first} to {min(first + BATCH, FIRST + NUMBER) - 1}: {dict(seen)}")
    assert seen["best"] and seen["no course"]


def test_the_slot_map_keeps_the_order_of_two_side_visits():
    assert agrees(140, "four units") in ("best", "no course")


def test_the_line_of_a_course_is_what_the_validator_takes_for_it():
    for seed in range(200):
        plan = tree(seed).request.plan
        assert line_of(plan) == line_visits(plan), seed
