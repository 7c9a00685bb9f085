"""Assigning the units of one resource.

A resource with k units serves k visits at once. Counting is enough to know that a visit fits; which unit it gets is
decided here. Intervals that stay on their units can fragment them, so that something fits by count but on no single
unit. Then the units are reassigned: taking intervals by start and giving each the lowest free unit always succeeds
when no instant asks for more than k (interval graphs are perfect). An exclusive interval takes every unit and stays
where it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scheduler.domain.windows import Window

NEW = -1  # the key of the interval that is being added


@dataclass(frozen=True, slots=True)
class Held:
    """An interval on a unit. `key` is the caller's name for it."""

    key: int
    unit: int
    window: Window
    exclusive: bool = False


def free_units(window: Window, units: int, held: Sequence[Held]) -> list[int]:
    """Return the units that nothing takes at any time of the window, lowest first."""
    taken = {other.unit for other in held if other.window.overlaps(window)}
    return [unit for unit in range(units) if unit not in taken]


def place(
    window: Window, units: int, held: Sequence[Held], exclusive: bool = False, prefer: int | None = None
) -> tuple[int, ...] | None:
    """Return the units for a new interval: one (`prefer` if free), or all when exclusive; None when there are none."""
    free = free_units(window, units, held)
    if exclusive:
        return tuple(free) if len(free) == units else None
    if not free:
        return None
    return (prefer,) if prefer in free else (free[0],)


def deal(units: int, held: Sequence[Held], new: Window) -> tuple[int, dict[int, int]] | None:
    """Reassign the units so that one more interval fits.

    Returns the new interval's unit and, by key, the unit of each interval that must change; None when some instant
    asks for too many. Only intervals joined to the new one by overlaps are touched.
    """
    group = _joined(new, [other for other in held if not other.exclusive])
    blocks = [other for other in held if other.exclusive]
    if any(block.window.overlaps(new) for block in blocks):
        return None
    ends: list[Window | None] = [None] * units
    dealt: dict[int, int] = {}
    asking = [(new, NEW), *((other.window, other.key) for other in group)]
    for window, key in sorted(asking):
        unit = next((n for n, last in enumerate(ends) if last is None or last.end <= window.start), None)
        if unit is None:
            return None
        ends[unit] = window
        dealt[key] = unit
    changes = {other.key: dealt[other.key] for other in group if dealt[other.key] != other.unit}
    return dealt[NEW], changes


def _joined(new: Window, held: Sequence[Held]) -> list[Held]:
    """Return the intervals that overlap `new`, or one that does, and so on."""
    joined: list[Held] = []
    reach = new
    waiting = sorted(held, key=lambda other: other.window)
    grown = True
    while grown:
        grown = False
        for other in list(waiting):
            if other.window.overlaps(reach):
                reach = Window(min(reach.start, other.window.start), max(reach.end, other.window.end))
                joined.append(other)
                waiting.remove(other)
                grown = True
    return joined
