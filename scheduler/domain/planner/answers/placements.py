"""From a solution's starts to a proposal: visits with their people and places, terms, projections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from scheduler.domain.planner.answers.assignment import Assigner, Unassignable
from scheduler.domain.planner.answers.cost_breakdown import CostBreakdown
from scheduler.domain.planner.answers.projections import project
from scheduler.domain.planner.search.clashes import overlapping
from scheduler.domain.planner.search.course import Step
from scheduler.domain.planner.search.optimum import Solution
from scheduler.domain.planner.search.problem import PlanningProblem
from scheduler.domain.planner.values import Placement, Proposal
from scheduler.domain.plans import Action, Role

Times = tuple[datetime, datetime]  # from, until


def proposal_of(
    problem: PlanningProblem, solution: Solution, current: Mapping[str, Placement] | None = None
) -> Proposal:
    """Return a solution with its people and places, its terms and the likely dates of proposed actions."""
    visits = Placements(problem, current or {}).visits(solution)
    terms = CostBreakdown(problem, solution.cells).terms(solution.therapist)
    projections = project(problem.request, problem.availability.workdays, visits)
    return Proposal(visits, projections, terms, solution.cost, solution.proven)


class Placements:
    """Gives the visits of solutions their resources. A visit that stays where it is `current`ly keeps its own."""

    def __init__(self, problem: PlanningProblem, current: Mapping[str, Placement]) -> None:
        self.availability, self.problem, self.current = problem.availability, problem, current

    def visits(self, solution: Solution) -> tuple[Placement, ...]:
        """Return the visits in order of time. One that stays where it is keeps its people and places."""
        assigner = Assigner(self.problem.starts, self.problem.weights.usable_ticks, solution.therapist)
        together = {step: crowd for crowd in overlapping(solution.cells) for step in crowd}
        found: dict[Step, Placement] = {}
        for step, cell in sorted(solution.cells.items(), key=lambda item: item[1]):
            if step in together and step not in found:
                found |= self._overlapping(together[step], solution.cells, assigner)
            elif step not in found:
                found[step] = self._staying(step, cell) or assigner.visits([(step.action, cell)])[0]
        return tuple(sorted(found.values(), key=lambda visit: visit.start))

    def _overlapping(
        self,
        steps: Sequence[Step],
        cells: Mapping[Step, int],
        assigner: Assigner,
    ) -> dict[Step, Placement]:
        """Return visits whose phases overlap; those that stay keep their people if there are others for the rest."""
        staying = {s: visit for s in steps if (visit := self._staying(s, cells[s]))}
        try:
            return staying | self._placed([s for s in steps if s not in staying], cells, assigner, staying)
        except Unassignable:
            return self._placed(steps, cells, assigner, {})

    def _placed(
        self,
        steps: Sequence[Step],
        cells: Mapping[Step, int],
        assigner: Assigner,
        beside: Mapping[Step, Placement],
    ) -> dict[Step, Placement]:
        visits = assigner.visits([(step.action, cells[step]) for step in steps], list(beside.values()))
        return dict(zip(steps, visits, strict=True))

    def _staying(self, step: Step, cell: int) -> Placement | None:
        visit = self.current.get(step.key)
        if visit is None or self.availability.grid.cell(visit.start) != cell:
            return None
        if not _is_as_needed(step.action, visit):
            return None
        free = all(self._is_free(s.resource_id, s.start, s.end, s.exclusive) for s in visit.segments)
        return visit if free else None

    def _is_free(self, resource_id: int, start: datetime, end: datetime, exclusive: bool) -> bool:
        levels = self.availability.at_least.get(resource_id)
        grid = self.availability.grid
        first = grid.cell(start)
        if levels is None or first is None:
            return False
        length = int((end - start).total_seconds()) // 300
        # ones for every cell of the segment; all must be in the free set
        wanted = ((1 << length) - 1) << first
        return levels[-1 if exclusive else 1] & wanted == wanted


def _is_as_needed(action: Action, visit: Placement) -> bool:
    """Tell whether a visit's times are those that the action's phases ask for, which may have changed since."""
    if visit.end - visit.start != action.length_from_start:
        return False
    needed = needed_times(action, visit.start)
    given: dict[tuple[str, Role], Times] = {}
    for segment in visit.segments:
        key = segment.phase, segment.role
        first, last = given.get(key, (segment.start, segment.end))
        given[key] = min(first, segment.start), max(last, segment.end)
    return all(needed.get(key) == times for key, times in given.items())


def needed_times(action: Action, start: datetime) -> dict[tuple[str, Role], Times]:
    """Return from when to when each phase needs each role, if the patient comes at `start`."""
    needed: dict[tuple[str, Role], Times] = {}
    at = start - action.lead
    for phase in action.phases:
        for need in phase.needs:
            if not need.presence:
                end = at + (need.length or phase.length)
                needed[phase.name, need.role] = at, max(end, needed.get((phase.name, need.role), (at, at))[1])
        at += phase.length
    return needed
