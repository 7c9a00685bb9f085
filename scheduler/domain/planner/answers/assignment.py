"""From starts to people and places: who takes which phase of each visit, with the fewest hand-overs.

The start sets promise that everything can be given out; here the choice is made. What is kept for a visit is tried in
all ways, the best first: the course's own therapist or prescriber, the place used before or the one that leaves the
fewest short gaps. Nurses who may hand over follow, piece by piece of time: the one who is there already, or who can see
the whole visit through, or who is free longest. Of people who are equal so far, the one with the fewest minutes on that
day is chosen, then in that week.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from scheduler.domain.planner.grid.demands import Demand, ResourceNeed
from scheduler.domain.planner.grid.grid import ceil_tick, floor_tick, ticks
from scheduler.domain.planner.grid.sharing import pieces, units_of
from scheduler.domain.planner.grid.starts import Starts
from scheduler.domain.planner.values import Placement, PlannerResource, Segment
from scheduler.domain.plans import TICK, Action, Role

NO_ONE = PlannerResource(0, "", frozenset())


class Unassignable(Exception):
    """No one is free for something that the start set promised."""


@dataclass(frozen=True, slots=True, eq=False)
class PlacedNeed:
    """A need of a visit that starts at a cell. `throughout` are the nurses who are free for all its needs of nurses."""

    visit: int
    asked: ResourceNeed
    cell: int
    throughout: set[int]


@dataclass(frozen=True, slots=True)
class Assigned:
    """Cells of the grid in which a resource serves a need (None: of a visit that keeps what it uses)."""

    need: PlacedNeed | None
    resource: PlannerResource
    start: int
    end: int
    exclusive: bool = False


class Assigner:
    """Gives out resources for the visits of one course, remembering who was used before."""

    def __init__(self, starts: Starts, usable: int, therapist: int | None = None) -> None:
        self.starts, self.usable = starts, usable
        self.availability = starts.availability
        self.used: dict[int, int] = {therapist: 1000} if therapist is not None else {}
        # cells in the visits of this course, by resource and row, and by resource and week
        self._given: tuple[Counter[tuple[int, int]], Counter[tuple[int, int]]] = Counter(), Counter()

    def visits(
        self, placed: Sequence[tuple[Action, int]], beside: Sequence[Placement] = ()
    ) -> list[Placement]:
        """Return visits at these cells, each with its own resources and none of those of `beside`.

        Raises Unassignable.
        """
        needs: list[PlacedNeed] = []
        for number, (action, cell) in enumerate(placed):
            demand = self.starts.demand(action)
            throughout = self._throughout(demand, cell)
            needs += [PlacedNeed(number, asked, cell, throughout) for asked in demand.asked]
        kept = sorted((need for need in needs if need.asked.kept), key=self._order)
        relayed = [need for need in needs if not need.asked.kept]
        turns = self._keep(kept, relayed, list(self._turns_of(beside)))
        if turns is None:
            raise Unassignable(", ".join(action.key for action, _ in placed))
        return [
            self._placement(action, cell, [t for t in turns if t.need and t.need.visit == number])
            for number, (action, cell) in enumerate(placed)
        ]

    def _order(self, need: PlacedNeed) -> tuple[bool, bool, int]:
        role = need.asked.role
        return role is not Role.THERAPIST, role is Role.NURSE, len(self.starts.pool(need.asked))

    def _turns_of(self, visits: Sequence[Placement]) -> Iterator[Assigned]:
        by_id = {resource.id: resource for resource in self.availability.resources}
        for visit in visits:
            for segment in visit.segments:
                bounds = floor_tick(segment.start), ceil_tick(segment.end)
                first, past = self.availability.grid.utc.searchsorted(bounds).tolist()
                yield Assigned(None, by_id[segment.resource_id], first, past, segment.exclusive)

    def _throughout(self, demand: Demand, cell: int) -> set[int]:
        needs = [one for one in demand.asked if one.role is Role.NURSE]
        able = [{r.id for r in self.starts.pool(one) if self.starts.is_free(one, r, cell)} for one in needs]
        return set.intersection(*able) if able else set()

    def _keep(
        self, left: Sequence[PlacedNeed], relayed: Sequence[PlacedNeed], turns: list[Assigned]
    ) -> list[Assigned] | None:
        """Return turns for all needs, beside these turns, or None if it cannot be done."""
        if not left:
            return self._relay(relayed, turns)
        need = left[0]
        for resource in self._ranked(need):
            held = [turn for turn in turns if turn.resource.id == resource.id]
            more = [Assigned(need, resource, *stretch) for stretch in _stretches(need)]
            if not held or all(
                self._until(turn, at, end, held) == end
                for turn in more
                for at, end in pieces([turn, *held])
                if turn.start <= at < turn.end
            ):
                found = self._keep(left[1:], relayed, [*turns, *more])
                if found is not None:
                    return found
        return None

    def _ranked(self, need: PlacedNeed) -> list[PlannerResource]:
        asked, cell = need.asked, need.cell
        free = [r for r in self.starts.pool(asked) if self.starts.is_free(asked, r, cell)]
        nurse = asked.role is Role.NURSE
        free.sort(
            key=lambda r: (
                r.id not in need.throughout,
                0 if nurse else -self.used.get(r.id, 0),
                () if asked.role.is_place else self._load(r, cell),
            )
        )
        if asked.role.is_place:
            free.sort(key=lambda r: self._fragment_count(asked, r, cell))
        return free

    def _load(self, resource: PlannerResource, cell: int) -> tuple[int, int]:
        """Return how long a resource's units are taken on the day of a cell, and in its week, by this course too."""
        row = cell // self.availability.grid.width
        day, week = self.starts.load(resource.id, row)
        on, in_week = self._given
        return day + on[resource.id, row], week + in_week[resource.id, self._week(row)]

    def _week(self, row: int) -> int:
        return (row + self.availability.grid.first_on.weekday()) // 7

    def _fragment_count(self, asked: ResourceNeed, place: PlannerResource, cell: int) -> int:
        """Return how many free stretches too short to use this place is left with."""
        free = self.availability.at_least[place.id][1]
        # `usable` ones: as many free cells as make a stretch usable
        width = (1 << self.usable) - 1
        start, end = cell + asked.stretches[0].start, cell + asked.stretches[-1].end
        before = free >> max(start - self.usable, 0) & width
        after = free >> end & width
        # the cell next to the visit is free, but not all of the usable length
        return (before >> (self.usable - 1) & 1 and before != width) + (after & 1 and after != width)

    def _relay(self, needs: Sequence[PlacedNeed], turns: list[Assigned]) -> list[Assigned] | None:
        """Return these turns and those for needs that may be handed over, the earlier ones first."""
        wanted = [Assigned(need, NO_ONE, *stretch) for need in needs for stretch in _stretches(need)]
        turns = list(turns)
        for start, end in pieces([*wanted, *turns]) if wanted else ():
            at = start
            asking = [turn.need for turn in wanted if turn.need and turn.start <= at < turn.end]
            while asking and at < end:
                chosen = self._choose(asking, at, end, turns)
                if chosen is None:
                    return None
                until = min(turn.end for turn in chosen)
                for turn in chosen:
                    last = next((t for t in turns if _goes_on(t, turn)), turn)
                    turns = [t for t in turns if t is not last]
                    turns.append(replace(turn, start=last.start, end=until))
                at = until
        return turns

    def _choose(
        self, asking: Sequence[PlacedNeed], at: int, end: int, turns: list[Assigned]
    ) -> list[Assigned] | None:
        """Return turns from `at` on for all who ask at that moment; none ends after `end`."""
        if not asking:
            return []
        need = asking[0]
        last = next((t.resource.id for t in reversed(turns) if _was_nurse(t, need, at)), None)

        def rank(turn: Assigned) -> tuple[bool, bool, int, tuple[int, int]]:
            id_ = turn.resource.id
            return id_ != last, id_ not in need.throughout, -turn.end, self._load(turn.resource, at)

        pool = (Assigned(need, resource, at, end) for resource in self.starts.pool(need.asked))
        able = [Assigned(need, turn.resource, at, self._until(turn, at, end, turns)) for turn in pool]
        for turn in sorted((turn for turn in able if turn.end > at), key=rank):
            others = self._choose(asking[1:], at, end, [*turns, turn])
            if others is not None:
                return [turn, *others]
        return None

    def _until(self, turn: Assigned, at: int, end: int, turns: Sequence[Assigned]) -> int:
        """Return the cell, `end` at most, up to which the resource of a turn is free for it from `at`.

        No other turn starts or ends between `at` and `end`.
        """
        resource = turn.resource
        beside = [t for t in turns if t.resource.id == resource.id and t.start <= at < t.end]
        if any(t.need and turn.need and t.need.visit == turn.need.visit for t in beside):
            return at
        units = sum(units_of(resource, t.exclusive) for t in (turn, *beside))
        free = self.availability.free(resource.id, units) >> at
        # adding one carries through the lowest ones: their number is how long the resource stays free
        return min(at + (~free & (free + 1)).bit_length() - 1, end)

    def _placement(self, action: Action, cell: int, turns: Sequence[Assigned]) -> Placement:
        for turn in turns:
            self.used[turn.resource.id] = self.used.get(turn.resource.id, 0) + 1
            row = cell // self.availability.grid.width
            taken = units_of(turn.resource, turn.exclusive) * (turn.end - turn.start)
            self._given[0][turn.resource.id, row] += taken
            self._given[1][turn.resource.id, self._week(row)] += taken
        start = self.availability.grid.instant(cell)
        segments = tuple(self._segments(action, turns, cell))
        end, leaves = start + action.length_from_start, start + action.attended_length
        return Placement(action.key, start, end, leaves, segments)

    def _segments(self, action: Action, turns: Sequence[Assigned], cell: int) -> Iterator[Segment]:
        begin = self.availability.grid.instant(cell)
        at = -ticks(action.lead)
        for number, phase in enumerate(action.phases):
            for rank, need in enumerate(phase.needs):
                until = at + ticks(need.length or phase.length)
                for turn in turns:
                    start, end = max(turn.start - cell, at), min(turn.end - cell, until)
                    if turn.need and (number, rank) in turn.need.asked.needs and start < end:
                        yield Segment(
                            turn.resource.id,
                            need.role,
                            phase.name,
                            begin + start * TICK,
                            begin + end * TICK,
                            need.exclusive,
                        )
            at += ticks(phase.length)


def _stretches(need: PlacedNeed) -> list[tuple[int, int, bool]]:
    return [(need.cell + s.start, need.cell + s.end, s.exclusive) for s in need.asked.stretches]


def _goes_on(turn: Assigned, following: Assigned) -> bool:
    """Tell whether a turn is the same resource's, for the same need, just before."""
    return (turn.need, turn.resource.id, turn.end) == (following.need, following.resource.id, following.start)


def _was_nurse(turn: Assigned, need: PlacedNeed, at: int) -> bool:
    """Tell whether a turn is a nurse's of the same visit, over by then."""
    other = turn.need
    return bool(other and other.visit == need.visit and other.asked.role is Role.NURSE and turn.end <= at)
