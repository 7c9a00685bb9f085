"""What a visit asks for: its needs with their times, counted in cells from the moment the patient comes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from scheduler.domain.planner.grid.grid import ticks
from scheduler.domain.plans import Action, Role


@dataclass(frozen=True, slots=True)
class Stretch:
    """Cells from `start` up to `end` after the patient comes (before, if negative); `exclusive` asks for every unit."""

    start: int
    end: int
    exclusive: bool


@dataclass(frozen=True, slots=True)
class ResourceNeed:
    """One thing a visit asks for: one resource of `role` for all `stretches` (`kept`), or any that is free at each
    tick. `needs` are the numbers of the phases and, within each, of the need that it is made from. A chair or room must
    be at `site`, if there is one.
    """

    role: Role
    stretches: tuple[Stretch, ...]
    kept: bool
    capabilities: frozenset[str] = frozenset()
    needs: tuple[tuple[int, int], ...] = field(default=(), compare=False)
    site: int | None = None

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
            site = action.site if need.role.is_place else None
            one = ResourceNeed(need.role, (stretch,), is_kept, _set(need.capability), ((number, rank),), site)
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
        parts[0].site,
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
