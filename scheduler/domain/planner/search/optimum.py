"""The best placement of a course, and the proof that it is.

Branch and bound, for what tables and chains do not check: visits of different chains at one time, an order between
visits far apart. Where two visits of the found plan clash, every plan belongs to one of a few cases without that clash
(clashes.py). Each case is solved in the same way, the cheapest first.

After a number of cases the search looks for any placement without a clash, which is proven only if no open case could
cost less. Where it ends without proof, the caller's fallback (cpsat.py) may do better. That nothing fits is said only
when every case is closed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count

from scheduler.domain.planner.grid.remembered import remembered
from scheduler.domain.planner.search.chains import Budget
from scheduler.domain.planner.search.clashes import Clash, Clashes, Sets, Shortage
from scheduler.domain.planner.search.costs import NEVER, Pricing
from scheduler.domain.planner.search.horizon import STATES, Horizon, Solution
from scheduler.domain.planner.values import GaveUp

CASES = 120  # to be solved in search of the best
DIVES = 60  # to be solved in search of any, after that

SolverFallback = Callable[[Sets, list[int], Solution | None], Solution | None]

__all__ = ["Optimum", "Sets", "Solution", "SolverFallback"]


@dataclass(frozen=True, slots=True)
class Case:
    """Some of the plans: their start sets, the cheapest if clashes did not matter, how many clashes are ruled out."""

    sets: Sets
    found: Solution
    depth: int


class Optimum:
    """Solves one course for chosen start sets; `therapists` restricts who may be the course's own.

    `tangled` tells whether some search ran out of cases, so that more searches of the same kind would take long.
    """

    def __init__(self, pricing: Pricing) -> None:
        self.course, self.pricing = pricing.course, pricing
        self.clashes = Clashes(pricing.course)
        self.horizon = Horizon(pricing)
        self.tangled = False

    @remembered
    def therapists(self) -> list[int]:
        """Return the candidates for the course's own therapist; none if fewer than two steps ask for one."""
        asking = [free for step in self.course.steps if (free := self.pricing.therapists_of(step))]
        if len(asking) < 2:
            return []
        return list(dict.fromkeys(therapist for free in asking for therapist in free))

    def best(
        self,
        starts: Sets,
        therapists: list[int] | None = None,
        solver_fallback: SolverFallback | None = None,
        below: int = int(NEVER),
    ) -> Solution | None:
        """Return the cheapest complete placement, or None if there is none that costs less than `below`.

        Where the search ends without proof, `solver_fallback` is asked for a better answer than the one at hand. Raises
        GaveUp when none was found, although there may be one.
        """
        candidates = self.therapists() if therapists is None else therapists
        try:
            found = self._cheapest(starts, candidates, below)
        except GaveUp:
            self.tangled = True
            if solver_fallback is None:
                raise
            return solver_fallback(starts, candidates, None)
        if found and not found.proven and solver_fallback:
            return solver_fallback(starts, candidates, found)
        return found

    def _cheapest(self, starts: Sets, therapists: list[int], below: int) -> Solution | None:
        cases = Cases(self, therapists, below)
        cases.add(starts, 0)
        for _ in range(CASES):
            case = cases.pop()
            if case is None:
                return None
            clash = self.clashes.find(case.found.cells)
            if clash is None:
                return case.found if cases.exact else _unproven(case.found)
            cases.split(case, clash)
        return self._dive(cases)

    def _dive(self, cases: Cases) -> Solution | None:
        """Return a placement without a clash, looking where most clashes are ruled out already."""
        self.tangled = True
        cases.nearest_first()
        for _ in range(DIVES):
            case = cases.pop()
            if case is None:
                return None
            clash = self.clashes.find(case.found.cells)
            if clash is None:
                proven = cases.exact and case.found.cost <= cases.least()
                return case.found if proven else _unproven(case.found)
            cases.split(case, clash)
        raise GaveUp


class Cases:
    """The open cases, as a queue. `exact` tells whether each one's cost is a true bound."""

    def __init__(self, optimum: Optimum, therapists: list[int], below: int) -> None:
        self._optimum, self._therapists, self._below = optimum, therapists, below
        self._budget = Budget(STATES)
        self._numbers = count()
        self._deepest = False
        self._queue: list[tuple[tuple[int, int, int], Case]] = []

    @property
    def exact(self) -> bool:
        return not self._budget.spent

    def add(self, sets: Sets, depth: int) -> None:
        """Solve a case as if clashes did not matter, and queue it if there is anything in it."""
        horizon, is_case = self._optimum.horizon, depth > 0
        found = horizon.best(sets, self._therapists, self._budget, self._below, narrow=is_case)
        if found:
            self._push(Case(sets, found, depth))

    def split(self, case: Case, clash: Clash | Shortage) -> None:
        """Queue the cases into which this one falls when one of its clashes is ruled out."""
        for sets in self._optimum.clashes.without(clash, case.found.cells, case.sets):
            self.add(sets, case.depth + 1)

    def pop(self) -> Case | None:
        return heappop(self._queue)[-1] if self._queue else None

    def least(self) -> int | float:
        """Return the least that a plan in any open case can cost."""
        return min((case.found.cost for _, case in self._queue), default=float("inf"))

    def nearest_first(self) -> None:
        """From now on, take the case with the most clashes ruled out, the cheapest of those."""
        self._deepest = True
        cases = [case for _, case in self._queue]
        self._queue.clear()
        for case in cases:
            self._push(case)

    def _push(self, case: Case) -> None:
        cost, depth = case.found.cost, -case.depth
        order = (depth, cost) if self._deepest else (cost, depth)
        heappush(self._queue, ((*order, next(self._numbers)), case))


def _unproven(solution: Solution) -> Solution:
    return Solution(solution.cells, solution.cost, solution.therapist, False)
