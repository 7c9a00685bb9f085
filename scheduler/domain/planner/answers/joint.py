"""Resources for visits whose needs compete for them, each tick by itself: slow, and exact.

Used where giving out one need after the other does not do: phases of two visits of one patient overlap, or two needs
of one visit could be met by the same people. Who stays for a need is chosen first, by trying all; then, tick by tick,
nurses, who go on as long as they can.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from scheduler.domain.planner.grid.availability import Availability
from scheduler.domain.planner.grid.demands import ResourceNeed
from scheduler.domain.planner.grid.grid import ceil_tick, floor_tick
from scheduler.domain.planner.grid.sharing import units_of
from scheduler.domain.planner.values import Placement, PlannerResource
from scheduler.domain.plans import Role


@dataclass(frozen=True, slots=True)
class AssignedStretch:
    """A stretch of a visit given to one resource."""

    asked: ResourceNeed
    resource_id: int
    start: int
    end: int
    exclusive: bool


@dataclass(frozen=True, slots=True, eq=False)
class PlacedNeed:
    """A need of a visit at a cell, and who may be asked, the best first."""

    visit: int
    asked: ResourceNeed
    cell: int
    pool: Sequence[PlannerResource]

    def cells(self) -> Iterator[int]:
        for stretch in self.asked.stretches:
            yield from range(self.cell + stretch.start, self.cell + stretch.end)

    def asks(self, cell: int) -> bool:
        return any(s.start <= cell - self.cell < s.end for s in self.asked.stretches)

    def units(self, resource: PlannerResource, cell: int) -> int:
        return sum(
            units_of(resource, stretch)
            for stretch in self.asked.stretches
            if stretch.start <= cell - self.cell < stretch.end
        )


Assigned = list[tuple[PlacedNeed, AssignedStretch]]


class JointAssignment:
    """Gives out tasks together; `beside` are visits that keep what they use."""

    def __init__(
        self, availability: Availability, tasks: Sequence[PlacedNeed], beside: Sequence[Placement]
    ) -> None:
        self.availability = availability
        self.kept = sorted((task for task in tasks if task.asked.kept), key=_order)
        self.relayed = [task for task in tasks if not task.asked.kept]
        self.load: Counter[tuple[int, int]] = Counter()  # units used, by resource id and cell
        self.present: Counter[tuple[int, int, int]] = Counter()  # by visit, resource id and cell
        units = {resource.id: max(resource.units, 1) for resource in availability.resources}
        for visit in beside:
            for segment in visit.segments:
                for cell in self._cells(floor_tick(segment.start), ceil_tick(segment.end)):
                    self.load[segment.resource_id, cell] += (
                        units[segment.resource_id] if segment.exclusive else 1
                    )

    def _cells(self, first: int, past: int) -> range:
        low, high = self.availability.grid.utc.searchsorted((first, past)).tolist()
        return range(low, high)

    def find(self) -> Assigned | None:
        """Return who does what, or None if it cannot be done."""
        return self._keep(0, [])

    def _keep(self, number: int, turns: Assigned) -> Assigned | None:
        if number == len(self.kept):
            relayed = self._relay()
            return None if relayed is None else [*turns, *relayed]
        task = self.kept[number]
        for resource in task.pool:
            if all(self._is_free(task, resource, cell) for cell in task.cells()):
                self._use(task, resource, 1)
                stretches = [
                    (task, AssignedStretch(task.asked, resource.id, s.start, s.end, s.exclusive))
                    for s in task.asked.stretches
                ]
                found = self._keep(number + 1, [*turns, *stretches])
                if found is not None:
                    return found
                self._use(task, resource, -1)
        return None

    def _use(self, task: PlacedNeed, resource: PlannerResource, sign: int) -> None:
        for cell in task.cells():
            self.load[resource.id, cell] += sign * task.units(resource, cell)
            self.present[task.visit, resource.id, cell] += sign

    def _is_free(self, task: PlacedNeed, resource: PlannerResource, cell: int) -> bool:
        if self.present[task.visit, resource.id, cell]:
            return False
        units = self.load[resource.id, cell] + task.units(resource, cell)
        # one bit of the cells in which so many units are free
        return bool(self.availability.free(resource.id, units) >> cell & 1)

    def _relay(self) -> Assigned | None:
        """Return who does the tasks that may be handed over, with few turns."""
        turns: dict[PlacedNeed, list[AssignedStretch]] = {task: [] for task in self.relayed}
        for cell in sorted({cell for task in self.relayed for cell in task.cells()}):
            asking = [task for task in self.relayed if task.asks(cell)]
            chosen = self._choose(asking, cell, turns, ())
            if chosen is None:
                return None
            for task, resource in chosen:
                at = cell - task.cell
                mine = turns[task]
                if mine and mine[-1].resource_id == resource.id and mine[-1].end == at:
                    at = mine.pop().start
                mine.append(AssignedStretch(task.asked, resource.id, at, cell - task.cell + 1, False))
        return [(task, turn) for task, mine in turns.items() for turn in mine]

    def _choose(
        self,
        left: Sequence[PlacedNeed],
        cell: int,
        turns: dict[PlacedNeed, list[AssignedStretch]],
        chosen: tuple[tuple[PlacedNeed, PlannerResource], ...],
    ) -> tuple[tuple[PlacedNeed, PlannerResource], ...] | None:
        if not left:
            return chosen
        task = left[0]
        last = turns[task][-1].resource_id if turns[task] else None
        for resource in sorted(task.pool, key=lambda one: (one.id != last, -self._lasts(one, cell))):
            used = [other for other, who in chosen if who.id == resource.id]
            units = self.load[resource.id, cell] + len(used) + 1
            taken = self.present[task.visit, resource.id, cell] or any(o.visit == task.visit for o in used)
            # the same, with the units of those already chosen
            if not taken and self.availability.free(resource.id, units) >> cell & 1:
                found = self._choose(left[1:], cell, turns, (*chosen, (task, resource)))
                if found is not None:
                    return found
        return None

    def _lasts(self, resource: PlannerResource, cell: int) -> int:
        free = self.availability.free(resource.id, 1) >> cell
        # adding one carries through the lowest ones: their number is how long the resource stays free
        return (~free & (free + 1)).bit_length() - 1


def _order(task: PlacedNeed) -> tuple[bool, int]:
    return task.asked.role is not Role.THERAPIST, len(task.pool)
