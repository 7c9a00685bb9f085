"""One request on one availability, made ready: the course's tree, its start sets, what each start costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property

from scheduler.domain.planner.assignment import Assigner, Unassignable
from scheduler.domain.planner.availability import Availability
from scheduler.domain.planner.clashes import overlapping
from scheduler.domain.planner.costs import Pricing, Staying
from scheduler.domain.planner.course import CourseTree, Step, course_of
from scheduler.domain.planner.gaps import Ruler
from scheduler.domain.planner.model import Placement, Proposal, Request
from scheduler.domain.planner.optimum import Optimum, Solution
from scheduler.domain.planner.projections import project
from scheduler.domain.planner.slotmap import SlotMap
from scheduler.domain.planner.starts import Starts
from scheduler.domain.planner.terms import Bill
from scheduler.domain.planner.weights import Weights
from scheduler.domain.planner.wishes import StartMasks
from scheduler.domain.plans import Action, Role

Times = tuple[datetime, datetime]  # from, until


class PlanningProblem:
    """Everything that is worked out once and asked many times while one request is answered."""

    def __init__(
        self,
        request: Request,
        availability: Availability,
        weights: Weights,
        now: datetime,
        staying: Staying | None = None,
    ) -> None:
        self.request, self.availability, self.weights, self.now = request, availability, weights, now
        self.starts = Starts(availability, request.practitioner_ids)
        self.course: CourseTree = course_of(request, self.starts)
        self.wishes = StartMasks(request, availability, now)
        self.ruler = Ruler(availability)
        self.pricing = Pricing(request, self.starts, weights, self.course.finish, staying)
        self.optimum = Optimum(self.course, self.ruler, self.pricing, weights)

    @cached_property
    def sets(self) -> Mapping[Step, int]:
        """The cells at which each step could start if it were alone. Equal sets are one object."""
        known: list[int] = []
        return {step: _shared(self._starts(step), known) for step in self.course.steps}

    def _starts(self, step: Step) -> int:
        free = self.starts.resources(self.starts.demand(step.action))
        cells = free & self.wishes.mask(step)
        staying = self.pricing.staying
        if staying and step.key in staying.starts and step.key not in self.request.pinned:
            cells |= free & self.wishes.at(step, staying.starts[step.key])
        return cells

    @cached_property
    def slots(self) -> SlotMap:
        return SlotMap(self.course, self.sets, self.ruler)

    def part(self, steps: Sequence[Step], instead: Mapping[Step, int] | None = None) -> SlotMap:
        """Return the slot map of some steps alone, with other start sets where given."""
        keys = {step.key for step in steps}
        course = course_of(self.request, self.starts, keys)
        sets = {**self.sets, **(instead or {})}
        by_key = {step.key: cells for step, cells in sets.items()}
        return SlotMap(course, {step: by_key[step.key] for step in course.steps}, self.ruler)

    def proposal(self, solution: Solution, current: Mapping[str, Placement] | None = None) -> Proposal:
        """Return a solution with its people and places, its terms and the likely dates of proposed actions."""
        visits = self.visits(solution, current or {})
        bill = Bill(self.course, self.ruler, self.pricing, self.weights, solution.cells)
        terms = bill.terms(solution.therapist)
        projections = project(self.request, self.availability.workdays, visits)
        return Proposal(visits, projections, terms, solution.cost, solution.proven)

    def visits(self, solution: Solution, current: Mapping[str, Placement]) -> tuple[Placement, ...]:
        """Return the visits in order of time. One that stays where it is keeps its people and places."""
        assigner = Assigner(self.starts, self.weights.usable_ticks, solution.therapist)
        together = {step: crowd for crowd in overlapping(solution.cells) for step in crowd}
        found: dict[Step, Placement] = {}
        for step, cell in sorted(solution.cells.items(), key=lambda item: item[1]):
            if step in together and step not in found:
                found |= self._overlapping(together[step], solution.cells, current, assigner)
            elif step not in found:
                found[step] = self._staying(step, cell, current) or assigner.visit(step.action, cell)
        return tuple(sorted(found.values(), key=lambda visit: visit.start))

    def _overlapping(
        self,
        steps: Sequence[Step],
        cells: Mapping[Step, int],
        current: Mapping[str, Placement],
        assigner: Assigner,
    ) -> dict[Step, Placement]:
        """Return visits whose phases overlap; those that stay keep their people if there are others for the rest."""
        staying = {s: visit for s in steps if (visit := self._staying(s, cells[s], current))}
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

    def _staying(self, step: Step, cell: int, current: Mapping[str, Placement]) -> Placement | None:
        visit = current.get(step.key)
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


def _shared(cells: int, known: list[int]) -> int:
    """Return the set that is known already, if an equal one is."""
    same = next((one for one in known if one == cells), None)
    if same is None:
        known.append(cells)
        return cells
    return same
