"""One request on one availability, made ready: the course's tree, its start sets, what each start costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property

from scheduler.domain.planner.grid.availability import Availability
from scheduler.domain.planner.grid.starts import Starts
from scheduler.domain.planner.search.costs import Pricing, Staying
from scheduler.domain.planner.search.course import CourseTree, Step, course_of
from scheduler.domain.planner.search.optimum import Optimum
from scheduler.domain.planner.search.slotmap import SlotMap
from scheduler.domain.planner.search.wishes import StartMasks
from scheduler.domain.planner.values import Request, Weights


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
        self.gap_ranges = self.course.gap_ranges
        self.pricing = Pricing(request, self.course, weights, staying)
        self.optimum = Optimum(self.pricing)

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
        return SlotMap(self.course, self.sets)

    def part(self, steps: Sequence[Step], instead: Mapping[Step, int] | None = None) -> SlotMap:
        """Return the slot map of some steps alone, with other start sets where given."""
        keys = {step.key for step in steps}
        course = course_of(self.request, self.starts, keys)
        sets = {**self.sets, **(instead or {})}
        by_key = {step.key: cells for step, cells in sets.items()}
        return SlotMap(course, {step: by_key[step.key] for step in course.steps})


def _shared(cells: int, known: list[int]) -> int:
    """Return the set that is known already, if an equal one is."""
    same = next((one for one in known if one == cells), None)
    if same is None:
        known.append(cells)
        return cells
    return same
