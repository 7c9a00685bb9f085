"""From starts to people and places: who takes which phase of each visit, with the fewest hand-overs.

The start sets promise that everything can be given out; here the choice is made. A therapist is the course's own where
free, a place the one used before or the one that leaves the chairs least chopped up, the nurse who is free longest.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from scheduler.domain.planner.answers.joint import AssignedStretch, JointAssignment, PlacedNeed
from scheduler.domain.planner.grid.demands import Demand, ResourceNeed, Stretch
from scheduler.domain.planner.grid.grid import ticks
from scheduler.domain.planner.grid.starts import Starts
from scheduler.domain.planner.values import Placement, PlannerResource, Segment
from scheduler.domain.plans import TICK, Action, Role


class Unassignable(Exception):
    """No one is free for something that the start set promised."""


class Assigner:
    """Gives out resources for the visits of one course, remembering who was used before."""

    def __init__(self, starts: Starts, usable: int, therapist: int | None = None) -> None:
        self.starts, self.usable = starts, usable
        self.availability = starts.availability
        self.used: dict[int, int] = {therapist: 1000} if therapist is not None else {}

    def visit(self, action: Action, cell: int) -> Placement:
        """Return the visit of an action at a cell. Raises Unassignable."""
        turns = self._turns(self.starts.demand(action), cell)
        return self.visits([(action, cell)])[0] if turns is None else self._visit(action, cell, turns)

    def visits(
        self, placed: Sequence[tuple[Action, int]], beside: Sequence[Placement] = ()
    ) -> list[Placement]:
        """Return visits whose phases overlap, each with its own resources and none of those of `beside`.

        Raises Unassignable.
        """
        tasks = [
            PlacedNeed(
                number,
                asked,
                cell,
                self._ranked(asked, cell) if asked.kept else list(self.starts.pool(asked)),
            )
            for number, (action, cell) in enumerate(placed)
            for asked in self.starts.demand(action).asked
        ]
        turns = JointAssignment(self.availability, tasks, beside).find()
        if turns is None:
            raise Unassignable(", ".join(action.key for action, _ in placed))
        return [
            self._visit(action, cell, [turn for task, turn in turns if task.visit == number])
            for number, (action, cell) in enumerate(placed)
        ]

    def _visit(self, action: Action, cell: int, turns: Sequence[AssignedStretch]) -> Placement:
        for turn in turns:
            self.used[turn.resource_id] = self.used.get(turn.resource_id, 0) + 1
        start = self.availability.grid.instant(cell)
        segments = tuple(self._segments(action, turns, cell))
        end, leaves = start + action.length_from_start, start + action.attended_length
        return Placement(action.key, start, end, leaves, segments)

    def _turns(self, demand: Demand, cell: int) -> list[AssignedStretch] | None:
        kept = [asked for asked in demand.asked if asked.kept and asked.role is not Role.NURSE]
        kept.sort(key=lambda asked: asked.role is not Role.THERAPIST)  # the course's own is taken first
        nurses = sorted(
            (asked for asked in demand.asked if asked.role is Role.NURSE), key=lambda a: a.stretches[0].start
        )
        for chosen in self._people(kept, cell, []):
            shared = self._nurses(nurses, cell, chosen)
            if shared is not None:
                return [*chosen, *shared]
        return None

    def _people(
        self, left: Sequence[ResourceNeed], cell: int, chosen: list[AssignedStretch]
    ) -> Iterator[list[AssignedStretch]]:
        if not left:
            yield chosen
            return
        asked = left[0]
        for resource in self._ranked(asked, cell):
            if not _busy(resource.id, asked, chosen):
                turns = [
                    AssignedStretch(asked, resource.id, s.start, s.end, s.exclusive) for s in asked.stretches
                ]
                yield from self._people(left[1:], cell, [*chosen, *turns])

    def _ranked(self, asked: ResourceNeed, cell: int) -> list[PlannerResource]:
        free = [r for r in self.starts.pool(asked) if self.starts.is_free(asked, r, cell)]
        if not asked.role.is_place:
            return sorted(free, key=lambda r: -self.used.get(r.id, 0))
        return sorted(free, key=lambda r: (self._fragment_count(asked, r, cell), -self.used.get(r.id, 0)))

    def _fragment_count(self, asked: ResourceNeed, place: PlannerResource, cell: int) -> int:
        """Return how many free stretches too short to use this place is left with."""
        free = self.availability.at_least[place.id][1]
        # `usable` ones: as many free cells as make a stretch usable
        width = (1 << self.usable) - 1
        start, end = cell + asked.stretches[0].start, cell + asked.stretches[-1].end
        before = free >> max(start - self.usable, 0) & width
        after = free >> end & width
        # the cell next to the visit is free, but not all of the usable length
        return int(bool(before >> (self.usable - 1) & 1) and before != width) + int(
            bool(after & 1) and after != width
        )

    def _nurses(
        self, asked: Sequence[ResourceNeed], cell: int, chosen: list[AssignedStretch]
    ) -> list[AssignedStretch] | None:
        turns: list[AssignedStretch] = []
        whole = self._one_for_all(asked, cell, chosen)
        if whole is not None:
            return whole
        for one in asked:
            for stretch in one.stretches:
                more = self._relay(
                    one, stretch, cell, [*chosen, *turns], turns[-1].resource_id if turns else None
                )
                if more is None:
                    return None
                turns += more
        return turns

    def _one_for_all(
        self, asked: Sequence[ResourceNeed], cell: int, chosen: list[AssignedStretch]
    ) -> list[AssignedStretch] | None:
        if any(a is not b and a.meets(b) for a in asked for b in asked):
            return None
        pools = [self.starts.pool(one) for one in asked]
        for nurse in sorted(pools[0], key=lambda r: -self.used.get(r.id, 0)) if pools else ():
            if all(
                nurse in pool and self.starts.is_free(one, nurse, cell) and not _busy(nurse.id, one, chosen)
                for one, pool in zip(asked, pools, strict=True)
            ):
                return [
                    AssignedStretch(one, nurse.id, s.start, s.end, s.exclusive)
                    for one in asked
                    for s in one.stretches
                ]
        return None

    def _relay(
        self,
        asked: ResourceNeed,
        stretch: Stretch,
        cell: int,
        chosen: list[AssignedStretch],
        previous: int | None,
    ) -> list[AssignedStretch] | None:
        """Return turns that cover the stretch: always the one who lasts longest, which is the fewest turns."""
        turns: list[AssignedStretch] = []
        at = stretch.start
        pool = self.starts.pool(asked)
        while at < stretch.end:
            reach = {r.id: self._lasts(r, asked, stretch, cell, at, chosen) for r in pool}
            best = max(reach, key=lambda i: (reach[i], i == previous, self.used.get(i, 0)), default=None)
            if best is None or reach[best] <= at or (asked.kept and reach[best] < stretch.end):
                return None
            turns.append(AssignedStretch(asked, best, at, reach[best], stretch.exclusive))
            at, previous = reach[best], best
        return turns

    def _lasts(
        self,
        nurse: PlannerResource,
        asked: ResourceNeed,
        stretch: Stretch,
        cell: int,
        at: int,
        chosen: list[AssignedStretch],
    ) -> int:
        levels = self.availability.at_least[nurse.id]
        free = levels[-1 if stretch.exclusive else 1] >> (cell + at)
        # adding one carries through the lowest ones: their number is how long the nurse stays free
        run = (~free & (free + 1)).bit_length() - 1
        end = min(at + run, stretch.end)
        for turn in chosen:
            if (
                turn.resource_id == nurse.id
                and turn.asked is not asked
                and turn.start < end
                and at < turn.end
            ):
                end = max(turn.start, at)
        return end

    def _segments(self, action: Action, turns: Sequence[AssignedStretch], cell: int) -> Iterator[Segment]:
        begin = self.availability.grid.instant(cell)
        at = -ticks(action.lead)
        for number, phase in enumerate(action.phases):
            for rank, need in enumerate(phase.needs):
                if need.presence:
                    continue
                until = at + ticks(need.length or phase.length)
                for turn in turns:
                    if (number, rank) in turn.asked.needs and turn.start < until and at < turn.end:
                        yield Segment(
                            turn.resource_id,
                            need.role,
                            phase.name,
                            begin + max(turn.start, at) * TICK,
                            begin + min(turn.end, until) * TICK,
                            need.exclusive,
                        )
            at += ticks(phase.length)


def _busy(resource_id: int, asked: ResourceNeed, chosen: Sequence[AssignedStretch]) -> bool:
    return any(
        turn.resource_id == resource_id and turn.start < stretch.end and stretch.start < turn.end
        for turn in chosen
        for stretch in asked.stretches
    )
