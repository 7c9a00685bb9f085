"""The planner against trying all, on random courses of any shape.

SERIATE_TREES=2000 tries so many, from SERIATE_FIRST_TREE on, and prints what it has seen.
"""

import os
from collections import Counter

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


def agrees(seed: int) -> str:
    """Compare one instance; return what it was."""
    problem = tree(seed)
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


def broken(problem, visits):
    """Return the rules that are broken. A pinned visit may break preferences: it was put there by hand."""
    found = check(problem.request, problem.availability, visits, now=problem.now)
    return [one for one in found if one.hard or one.action not in problem.request.pinned]


@pytest.mark.parametrize("first", range(FIRST, FIRST + NUMBER, BATCH))
def test_random_courses_are_placed_as_trying_all_places_them(first):
    seen = Counter(agrees(seed) for seed in range(first, min(first + BATCH, FIRST + NUMBER)))

    print(f"seeds {first} to {min(first + BATCH, FIRST + NUMBER) - 1}: {dict(seen)}")
    assert seen["best"] and seen["no course"]


def test_the_line_of_a_course_is_what_the_validator_takes_for_it():
    for seed in range(200):
        plan = tree(seed).request.plan
        assert line_of(plan) == line_visits(plan), seed
