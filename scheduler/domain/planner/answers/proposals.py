"""The planner's questions: what to propose, which starts are possible, is this placement right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from scheduler.domain.planner.answers import alternatives, exceptions, reasons, suggestions, therapists
from scheduler.domain.planner.answers.placements import proposal_of
from scheduler.domain.planner.answers.summaries import summarized
from scheduler.domain.planner.grid.availability import Availability
from scheduler.domain.planner.search.optimum import Solution
from scheduler.domain.planner.search.problem import PlanningProblem
from scheduler.domain.planner.search.slotmap import SlotMap
from scheduler.domain.planner.search.solver_fallback import AtOnce
from scheduler.domain.planner.validator import check_plan
from scheduler.domain.planner.values import (
    GaveUp,
    NoFit,
    Placement,
    Proposal,
    ProposalKind,
    Request,
    Violation,
    Weights,
)

DEFAULT = Weights()


def propose(
    request: Request,
    availability: Availability,
    weights: Weights = DEFAULT,
    *,
    now: datetime,
    at_once: AtOnce | None = None,
) -> list[Proposal]:
    """Return the best placements of every action that keep every rule, best first.

    At most `request.count`, which differ in a way that matters. Raises NoFit with the first action that cannot be
    placed, what blocks it and what would make room; or with the reason that the search gave up. With more than one
    asked for, the best says which exceptions to the spacing would let it end much earlier. `at_once` is
    called where the search ends without proof: whether to answer without CP-SAT, to be `improve`d later.
    """
    problem = PlanningProblem(request, availability, weights, now)
    try:
        named = alternatives.best(problem, request.count, at_once)
    except GaveUp:  # each suggestion would take as long to try
        raise NoFit(reasons.gave_up(problem), proven=False) from None
    if not named:
        why = reasons.reasons(problem)
        raise NoFit(why, suggestions.suggestions(problem, why))
    solutions = [solution for _, solution in named]
    best, *others = summarized(problem, solutions, [_of_kind(problem, *one) for one in named])
    if request.count > 1 and not problem.optimum.tangled:
        best = replace(best, exceptions=exceptions.exceptions(problem, solutions[0]))
    return [best, *others]


def _of_kind(problem: PlanningProblem, kind: ProposalKind, solution: Solution) -> Proposal:
    choices = therapists.choices(problem, solution)
    trips = alternatives.trips(problem, solution.cells)
    return replace(proposal_of(problem, solution), kind=kind, trips=trips, therapists=choices)


class PossibleStarts(Mapping[str, tuple[datetime, ...]]):
    """Starts by action, in UTC and in order; made into instants only for the action that is asked for."""

    def __init__(self, slots: SlotMap) -> None:
        self._slots = slots
        self._grid = slots.gap_ranges.grid
        self._steps = {step.key: step for step in slots.course.steps}

    def __getitem__(self, key: str) -> tuple[datetime, ...]:
        step = self._steps[key]
        return (
            tuple(self._grid.instant(int(cell)) for cell in self._slots.cells[step])
            if self._slots.complete
            else ()
        )

    def __iter__(self) -> Iterator[str]:
        return iter(self._steps)

    def __len__(self) -> int:
        return len(self._steps)


def slot_map(
    request: Request, availability: Availability, *, now: datetime
) -> Mapping[str, tuple[datetime, ...]]:
    """Return, for every action to place, the starts that belong to some complete course.

    None of those is missing. A start that belongs to none may be among them where visits that follow different ones can
    be on one day, where more than four visits follow one, and where phases without the patient overlap another visit.
    """
    return PossibleStarts(PlanningProblem(request, availability, DEFAULT, now).slots)


def check(
    request: Request, availability: Availability, visits: Sequence[Placement], *, now: datetime
) -> list[Violation]:
    """Return every rule that these visits break; see validator.py. No visits of the plan need be left out."""
    return check_plan(request, availability.calendar, visits, now)
