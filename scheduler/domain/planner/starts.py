"""Start sets: the cells at which a visit can start, by erosion of everyone's free time.

A place, a therapist and a prescriber are kept for all phases that ask for them; a nurse who shares her attention may
hand over within and between phases, so for them it is enough that at every tick somebody has a unit free. Exact as long
as nobody is asked for twice at once; where two needs of one visit could meet in one person, each is given one person
throughout and the persons are tried against each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import reduce
from itertools import pairwise

from scheduler.domain.planner.availability import Availability
from scheduler.domain.planner.bitsets import earlier, eroded
from scheduler.domain.planner.grid import ticks
from scheduler.domain.planner.model import PlannerResource
from scheduler.domain.plans import Action, Phase, Role


@dataclass(frozen=True, slots=True)
class Stretch:
    """Cells from `start` up to `end` after the patient comes (before, if negative); `exclusive` asks for every unit."""

    start: int
    end: int
    exclusive: bool


@dataclass(frozen=True, slots=True)
class ResourceNeed:
    """One thing a visit asks for: one resource of `role` for all `stretches` (`kept`), or any that is free at each
    tick. `needs` are the numbers of the phases and, within each, of the need that it stands for.
    """

    role: Role
    stretches: tuple[Stretch, ...]
    kept: bool
    capabilities: frozenset[str] = frozenset()
    needs: tuple[tuple[int, int], ...] = field(default=(), compare=False)

    def meets(self, other: ResourceNeed) -> bool:
        """Tell whether both are asked for at one time."""
        return any(a.start < b.end and b.start < a.end for a in self.stretches for b in other.stretches)


@dataclass(frozen=True, slots=True, eq=False)
class Demand:
    """All that a visit of one shape asks for; `presence` are the roles that must be on duty, and when.

    Compared by identity: Starts makes one for each shape.
    """

    asked: tuple[ResourceNeed, ...]
    presence: tuple[tuple[Role, Stretch], ...]


def demand_of(action: Action) -> Demand:
    """Return what the phases ask for, with touching stretches of one kept resource joined.

    Where several phases ask for two of one role, the first of each is one resource and the second another.
    """
    kept: dict[tuple[Role, int], list[ResourceNeed]] = {}
    shared: list[ResourceNeed] = []
    presence = []
    at = -ticks(action.lead)
    for number, phase in enumerate(action.phases):
        twice: dict[Role, int] = {}
        for rank, need in enumerate(phase.needs):
            stretch = Stretch(at, at + ticks(need.length or phase.length), need.exclusive)
            if need.presence:
                presence.append((need.role, stretch))
                continue
            is_kept = need.role is not Role.NURSE or need.exclusive
            one = ResourceNeed(need.role, (stretch,), is_kept, _set(need.capability), ((number, rank),))
            if need.role is Role.NURSE:
                shared.append(one)
            else:
                twice[need.role] = twice.get(need.role, -1) + 1
                kept.setdefault((need.role, twice[need.role]), []).append(one)
        at += ticks(phase.length)
    return Demand((*map(_whole, kept.values()), *_joined_shared(shared)), tuple(presence))


def _whole(parts: Sequence[ResourceNeed]) -> ResourceNeed:
    """Return the needs of several phases as one, for one resource."""
    return ResourceNeed(
        parts[0].role,
        _joined([stretch for part in parts for stretch in part.stretches]),
        True,
        frozenset(capability for part in parts for capability in part.capabilities),
        tuple(need for part in parts for need in part.needs),
    )


def _set(capability: str | None) -> frozenset[str]:
    return frozenset() if capability is None else frozenset({capability})


def _joined(stretches: Sequence[Stretch]) -> tuple[Stretch, ...]:
    result: list[Stretch] = []
    for stretch in stretches:
        last = result[-1] if result else None
        if last and last.end == stretch.start and last.exclusive == stretch.exclusive:
            result[-1] = Stretch(last.start, stretch.end, last.exclusive)
        else:
            result.append(stretch)
    return tuple(result)


def _joined_shared(asked: list[ResourceNeed]) -> list[ResourceNeed]:
    result: list[ResourceNeed] = []
    for one in asked:
        last = result[-1] if result else None
        if last and not last.kept and not one.kept and last.capabilities == one.capabilities:
            joined = _joined((*last.stretches, *one.stretches))
            if len(joined) == 1:
                needs = (*last.needs, *one.needs)
                result[-1] = ResourceNeed(one.role, joined, False, one.capabilities, needs)
                continue
        result.append(one)
    return result


class Starts:
    """The start sets of one request on one availability, worked out once for each shape of visit."""

    def __init__(self, availability: Availability, practitioner_ids: frozenset[int] = frozenset()) -> None:
        self.availability = availability
        self.practitioner_ids = practitioner_ids
        self._demands: dict[str, Demand] = {}
        self._phases: dict[tuple[Phase, ...], Demand] = {}
        self._sets: dict[ResourceNeed, int] = {}
        self._pools: dict[ResourceNeed, tuple[PlannerResource, ...]] = {}
        self._single: dict[Demand, int] = {}
        self._snugs: dict[tuple[Demand, int], tuple[int, int]] = {}
        self._shapes: dict[Demand, int] = {}

    def demand(self, action: Action) -> Demand:
        """Return what an action asks for: the same object for all actions of one shape."""
        known = self._demands.get(action.key)
        if known is None:
            known = self._phases.get(action.phases)
            if known is None:
                known = self._phases[action.phases] = demand_of(action)
            self._demands[action.key] = known
        return known

    def pool(self, asked: ResourceNeed) -> tuple[PlannerResource, ...]:
        """Return who may be asked: those the patient wishes for, if any of them has the role."""
        known = self._pools.get(asked)
        if known is None:
            pool = self.availability.pool(asked.role, asked.capabilities)
            wished = tuple(resource for resource in pool if resource.id in self.practitioner_ids)
            known = self._pools[asked] = wished or pool
        return known

    def resources(self, demand: Demand) -> int:
        """Return the cells at which everything the visit asks for is free. Wishes and the patient are not looked at."""
        known = self._shapes.get(demand)
        if known is None:
            known = self._shapes[demand] = self._all(demand)
        return known

    def _all(self, demand: Demand) -> int:
        cells = self.present(demand)
        clashing = [a for a in demand.asked if any(self._clash(a, b) for b in demand.asked if b is not a)]
        for asked in demand.asked:
            if not cells:
                return 0
            if asked not in clashing:
                cells &= self.anyone(asked)
        return self._told_apart(clashing, cells) if clashing and cells else cells

    def _clash(self, one: ResourceNeed, other: ResourceNeed) -> bool:
        shared = {r.id for r in self.pool(one)} & {r.id for r in self.pool(other)}
        return bool(shared) and one.meets(other)

    def present(self, demand: Demand) -> int:
        """Return the cells at which somebody with each role asked to be present is on duty throughout."""
        cells = self.availability.open
        for role, stretch in demand.presence:
            duty = reduce(int.__or__, (self.availability.duty[r.id] for r in self.availability.pool(role)), 0)
            cells &= earlier(eroded(duty, stretch.end - stretch.start), stretch.start)
        return cells

    def anyone(self, asked: ResourceNeed) -> int:
        """Return the cells at which somebody (or some place) is free for this."""
        known = self._sets.get(asked)
        if known is None:
            if asked.kept:
                known = reduce(int.__or__, (self.one(asked, r) for r in self.pool(asked)), 0)
            else:
                known = self._shared(asked)
            self._sets[asked] = known
        return known

    def _shared(self, asked: ResourceNeed) -> int:
        free = reduce(int.__or__, (self.availability.at_least[r.id][1] for r in self.pool(asked)), 0)
        cells = -1
        for stretch in asked.stretches:
            cells &= earlier(eroded(free, stretch.end - stretch.start), stretch.start)
        return cells

    def one(self, asked: ResourceNeed, resource: PlannerResource) -> int:
        """Return the cells at which this very resource is free for all the stretches."""
        cells = -1
        for stretch in asked.stretches:
            free = self.availability.free_for(resource.id, stretch.end - stretch.start, stretch.exclusive)
            cells &= earlier(free, stretch.start)
            if not cells:
                break
        return cells

    def _told_apart(self, clashing: list[ResourceNeed], cells: int) -> int:
        found = 0
        taken: list[tuple[ResourceNeed, int]] = []

        def place(left: Sequence[ResourceNeed], cells: int) -> None:
            nonlocal found
            if not cells & ~found:
                return
            if not left:
                found |= cells
                return
            asked = left[0]
            busy = {resource_id for other, resource_id in taken if other.meets(asked)}
            for resource in self.pool(asked):
                if resource.id not in busy:
                    taken.append((asked, resource.id))
                    place(left[1:], cells & self.one(asked, resource))
                    taken.pop()

        place(clashing, cells)
        return found

    def single_nurse(self, demand: Demand) -> int:
        """Return the cells at which one nurse can see the whole visit through (-1 if none is asked for)."""
        known = self._single.get(demand)
        if known is None:
            known = self._single[demand] = self._one_nurse(demand)
        return known

    def _one_nurse(self, demand: Demand) -> int:
        parts = [asked for asked in demand.asked if asked.role is Role.NURSE]
        if len(parts) < 2 and all(asked.kept for asked in parts):
            return -1
        if any(a.meets(b) for a, b in pairwise(parts)):
            return -1
        pools = [self.pool(part) for part in parts]
        nurses = [nurse for nurse in pools[0] if all(nurse in pool for pool in pools)]
        return reduce(int.__or__, (self._by(parts, nurse) for nurse in nurses), 0)

    def _by(self, parts: Iterable[ResourceNeed], resource: PlannerResource) -> int:
        return reduce(int.__and__, (self.one(part, resource) for part in parts), -1)

    def therapists(self, demand: Demand) -> dict[int, int]:
        """Return, for each therapist who may be asked, the cells at which he or she is free for the visit."""
        parts = [asked for asked in demand.asked if asked.role is Role.THERAPIST]
        if len(parts) != 1:
            return {}
        return {resource.id: self.one(parts[0], resource) for resource in self.pool(parts[0])}

    def snug(self, demand: Demand, usable: int) -> tuple[int, int]:
        """Return the cells at which some place is left with no gap shorter than `usable`, and with one at most."""
        known = self._snugs.get((demand, usable))
        if known is None:
            known = self._snugs[demand, usable] = self._snug_places(demand, usable)
        return known

    def _snug_places(self, demand: Demand, usable: int) -> tuple[int, int]:
        none, one = -1, -1
        for asked in demand.asked:
            if asked.role.is_place and len(asked.stretches) == 1:
                neat, fair = self._snug(asked, usable)
                one = (one & neat) | (none & fair) if none != -1 else fair
                none &= neat
        return none, one

    def _snug(self, asked: ResourceNeed, usable: int) -> tuple[int, int]:
        stretch = asked.stretches[0]
        neat = fair = 0
        for place in self.pool(asked):
            cells = self.one(asked, place)
            if cells:
                free = self.availability.at_least[place.id][1]
                roomy = self.availability.free_for(place.id, usable, False)
                before = earlier(~(free << 1) | (roomy << usable), stretch.start)
                after = earlier(~free | roomy, stretch.end)
                neat |= cells & before & after
                fair |= cells & (before | after)
        return neat, fair
