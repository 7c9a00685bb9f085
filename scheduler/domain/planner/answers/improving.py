"""A longer search for a better course, where the answer given at once is not proven.

It takes a minute, so the worker runs it. Its result is kept as starts, which are placed again when they are shown:
the calendar may have changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from scheduler.domain.planner.answers import proposals
from scheduler.domain.planner.grid.availability import Availability
from scheduler.domain.planner.search import solver_fallback
from scheduler.domain.planner.search.cpsat import Watch
from scheduler.domain.planner.search.problem import PlanningProblem
from scheduler.domain.planner.values import GaveUp, NoFit, Proposal, Request, Weights


@dataclass(frozen=True, slots=True)
class Improvement:
    """The result of a longer search: starts by action and their cost; None where nothing was found."""

    starts: Mapping[str, datetime] | None
    cost: int | None
    proven: bool


def improve(
    request: Request,
    availability: Availability,
    weights: Weights,
    *,
    now: datetime,
    seconds: float,
    watch: Watch,
) -> Improvement:
    """Return the best course that CP-SAT finds in the time; `watch` is called every second meanwhile."""
    problem = PlanningProblem(request, availability, weights, now)
    known = None
    try:
        known = problem.optimum.best(problem.sets)
        certain = known is None or known.proven
    except GaveUp:
        certain = False
    if not certain:
        try:
            known = solver_fallback.by_cp_sat(
                problem, problem.sets, problem.optimum.therapists(), known, seconds, watch
            )
        except GaveUp:
            return Improvement(None, None, False)
    if known is None:
        return Improvement(None, None, True)
    grid = problem.availability.grid
    starts = {step.key: grid.instant(int(cell)) for step, cell in known.cells.items()}
    return Improvement(starts, known.cost, known.proven)


def placed(
    request: Request, improvement: Improvement, availability: Availability, weights: Weights, *, now: datetime
) -> Proposal | None:
    """Return the course of an improvement on a calendar that may have changed; None if it has no place there."""
    if improvement.starts is None:
        return None
    held = replace(request, pinned=improvement.starts, count=1)
    try:
        proposal = proposals.propose(held, availability, weights, now=now, at_once=lambda: True)[0]
    except NoFit:
        return None
    return replace(proposal, proven=improvement.proven and proposal.cost == improvement.cost)
