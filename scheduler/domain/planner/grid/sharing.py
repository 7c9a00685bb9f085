"""Which starts leave a resource for every need, where one resource could meet several of them.

Needs of one visit at one time go to different resources. Needs of two visits of one patient may share a resource that
has units for both. Every choice of a resource for what is kept is tried; nurses who may hand over are chosen for each
stretch of time in which the same needs are open. The answer is exact.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import reduce
from itertools import pairwise
from typing import Protocol

from scheduler.domain.planner.grid.bitsets import earlier, eroded
from scheduler.domain.planner.grid.demands import ResourceNeed, Stretch
from scheduler.domain.planner.values import PlannerResource

Free = Callable[[PlannerResource, int], int]  # the cells in which a resource has so many units free


@dataclass(frozen=True, slots=True, eq=False)
class Claim:
    """A need of a visit that starts `by` cells after the first one; a resource of `pool` meets it."""

    visit: int
    asked: ResourceNeed
    by: int
    pool: tuple[PlannerResource, ...]
    stretches: tuple[Stretch, ...] = field(init=False)

    def __post_init__(self) -> None:
        moved = (Stretch(s.start + self.by, s.end + self.by, s.exclusive) for s in self.asked.stretches)
        object.__setattr__(self, "stretches", tuple(moved))

    def meets(self, other: Claim) -> bool:
        """Tell whether both are open at one time."""
        return any(a.start < b.end and b.start < a.end for a in self.stretches for b in other.stretches)

    def clashes(self, other: Claim) -> bool:
        """Tell whether both could be given to one resource at one time."""
        return not {r.id for r in self.pool}.isdisjoint(r.id for r in other.pool) and self.meets(other)


Holders = list[tuple[Claim, PlannerResource]]


def entangled(claims: Sequence[Claim]) -> list[list[Claim]]:
    """Return the claims in groups, such that those of different groups never clash."""
    groups: list[list[Claim]] = []
    for claim in claims:
        near = [group for group in groups if any(claim.clashes(other) for other in group)]
        groups = [group for group in groups if group not in near]
        groups.append([claim, *(other for group in near for other in group)])
    return groups


def meeting(claims: Sequence[Claim], free: Free, cells: int) -> int:
    """Return those of the cells at which every claim can be met. Only these claims use resources."""
    kept = sorted((claim for claim in claims if claim.asked.kept), key=lambda claim: len(claim.pool))
    relayed = [claim for claim in claims if not claim.asked.kept]
    found = 0
    holders: Holders = []

    def place(left: Sequence[Claim], cells: int) -> None:
        nonlocal found
        # what is found already need not be found in another way
        if not cells & ~found:
            return
        if not left:
            found |= _relayed(relayed, holders, free, cells & ~found)
            return
        claim = left[0]
        for resource in claim.pool:
            held = [other for other, holder in holders if holder.id == resource.id]
            if any(other.visit == claim.visit and other.meets(claim) for other in held):
                continue
            holders.append((claim, resource))
            place(left[1:], cells & _held(resource, [*held, claim], free))
            holders.pop()

    place(kept, cells)
    return found


def units_of(resource: PlannerResource, exclusive: bool) -> int:
    return max(resource.units, 1) if exclusive else 1


def _held(resource: PlannerResource, claims: Sequence[Claim], free: Free) -> int:
    """Return the cells at which one resource is free for all of these claims."""
    cells = -1
    stretches = [stretch for claim in claims for stretch in claim.stretches]
    for start, end in pieces(stretches):
        units = sum(units_of(resource, s.exclusive) for s in stretches if s.start <= start < s.end)
        if units:
            cells &= earlier(eroded(free(resource, units), end - start), start)
    return cells


class CellSpan(Protocol):
    """Cells from `start` up to `end`."""

    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...


def pieces(spans: Iterable[CellSpan]) -> Iterator[tuple[int, int]]:
    """Return the pieces of time within which no span starts or ends."""
    return pairwise(sorted({bound for span in spans for bound in (span.start, span.end)}))


def _relayed(claims: Sequence[Claim], holders: Holders, free: Free, cells: int) -> int:
    """Return those of the cells at which the claims that may be handed over can be met too."""
    if not claims:
        return cells
    everything = [s for claim in claims for s in claim.stretches]
    everything += [s for claim, _ in holders for s in claim.stretches]
    for start, end in pieces(everything):
        open_claims = [claim for claim in claims if _is_open(claim, start)]
        if open_claims and cells:
            busy = [(claim, resource) for claim, resource in holders if _is_open(claim, start)]
            able = reduce(int.__or__, _choices(open_claims, busy, start, free), 0)
            cells &= earlier(eroded(able, end - start), start)
    return cells


def _is_open(claim: Claim, at: int) -> bool:
    return any(stretch.start <= at < stretch.end for stretch in claim.stretches)


def _choices(claims: Sequence[Claim], busy: Holders, at: int, free: Free) -> Iterator[int]:
    """Yield, for each way to give these claims out, the cells in which all who are chosen are free."""
    known = {resource.id: resource for _, resource in busy}
    known |= {resource.id: resource for claim in claims for resource in claim.pool}
    load: Counter[int] = Counter()
    for claim, resource in busy:
        load[resource.id] += sum(
            units_of(resource, s.exclusive) for s in claim.stretches if s.start <= at < s.end
        )
    taken = {(claim.visit, resource.id) for claim, resource in busy}

    def choose(left: Sequence[Claim], chosen: tuple[tuple[int, int], ...]) -> Iterator[int]:
        if not left:
            more = Counter(resource_id for _, resource_id in chosen)
            parts = (free(known[id_], load[id_] + number) for id_, number in more.items())
            yield reduce(int.__and__, parts, -1)
            return
        claim = left[0]
        for resource in claim.pool:
            pair = (claim.visit, resource.id)
            if pair not in taken and pair not in chosen:
                yield from choose(left[1:], (*chosen, pair))

    return choose(claims, ())
