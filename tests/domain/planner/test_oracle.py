"""The planner against CP-SAT on the same start sets: never another answer, and never one that breaks a rule."""

import pytest

from scheduler.domain.planner import check
from scheduler.domain.planner.answers.placements import proposal_of
from scheduler.domain.planner.search import cpsat
from tests.domain.planner.clinics import NOW
from tests.domain.planner.decision import cheaper
from tests.domain.planner.instances import instance

INSTANCES = range(204)


@pytest.mark.parametrize("first", INSTANCES[::12])
def test_the_objective_equals_that_of_cp_sat(first):
    for seed in range(first, first + 12):
        problem = instance(seed)

        ours = problem.optimum.best(problem.sets)
        theirs = cpsat.solve(problem, seconds=60)

        assert (ours is None) == (theirs is None), seed
        if ours is None:
            continue
        assert theirs.proven and ours.proven, seed
        assert ours.cost == theirs.cost, seed
        proposal = proposal_of(problem, ours)
        assert check(problem.request, problem.availability, proposal.visits, now=NOW) == []
        assert sum(term.cost for term in proposal.terms) == ours.cost


def test_about_a_third_of_the_instances_have_no_solution():
    unsolved = sum(1 for seed in INSTANCES if not instance(seed).slots.complete)

    assert len(INSTANCES) / 4 < unsolved < len(INSTANCES) / 2


@pytest.mark.parametrize("first", range(0, 60, 20))
def test_cp_sat_proves_that_nothing_costs_less_and_finds_what_costs_as_much(first):
    for seed in range(first, first + 20):
        problem = instance(seed)
        ours = problem.optimum.best(problem.sets)
        if ours is None:
            continue

        assert cheaper(problem, ours.cost, 60, hint=ours) is None, seed
        assert cheaper(problem, ours.cost + 1, 60).cost == ours.cost, seed
