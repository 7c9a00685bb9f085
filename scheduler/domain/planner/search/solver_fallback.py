"""The fallback where the search reaches its limits: CP-SAT (OR-Tools) takes over when the search gives up.

It reaches them where visits can meet in very many ways: parallel series of one patient in few hours. OR-Tools is an
extra (requirements/solver.txt), imported only then, with a time limit and a fixed seed. Without it the search's own
answer is used, and is not proven. Where a worker can continue (improving.py), the request answers at once instead.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec

from scheduler.domain.planner.search import cpsat
from scheduler.domain.planner.search.cpsat import Watch
from scheduler.domain.planner.search.optimum import Sets, Solution
from scheduler.domain.planner.search.problem import PlanningProblem
from scheduler.domain.planner.values import GaveUp

AtOnce = Callable[[], bool]
SECONDS = 5.0
SEED = 1


def is_installed() -> bool:
    """Tell whether OR-Tools is there, without importing it."""
    return find_spec("ortools") is not None


def best(problem: PlanningProblem, at_once: AtOnce | None = None) -> Solution | None:
    """Return the best placement, or None if it is proven that there is none. Raises GaveUp when neither is known.

    `at_once` is called only where the search ends without proof: whether to answer without CP-SAT.
    """

    def ask(sets: Sets, therapists: list[int], known: Solution | None) -> Solution | None:
        if at_once is None or not at_once():
            return by_cp_sat(problem, sets, therapists, known)
        if known is None:
            raise GaveUp
        return known

    return problem.optimum.best(problem.sets, solver_fallback=ask)


def by_cp_sat(
    problem: PlanningProblem,
    sets: Sets,
    therapists: list[int],
    known: Solution | None,
    seconds: float | None = None,
    watch: Watch | None = None,
) -> Solution | None:
    """Return the better of what CP-SAT finds in the time and what is `known`. Raises GaveUp when there is neither."""
    found = None
    if is_installed():
        try:
            limit = SECONDS if seconds is None else seconds
            found = cpsat.solve(problem, limit, SEED, known, sets, therapists, watch)
        except TimeoutError:
            found = None
        else:
            if found is None and known is None:
                return None
    if found and (known is None or found.proven or found.cost < known.cost):
        return found
    if known is None:
        raise GaveUp
    return known
