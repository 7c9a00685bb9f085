"""The calendar while courses are taken out of it and put in again: whose time is taken at the moment.

An Availability is never changed, each step makes the next one out of it; what is not touched is shared, so a step costs
as much as the resources of one course.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import zip_longest

from scheduler.domain.planner.grid.availability import Availability
from scheduler.domain.planner.grid.bitsets import span
from scheduler.domain.planner.grid.grid import ceil_tick, floor_tick
from scheduler.domain.planner.many.values import AffectedCourse
from scheduler.domain.planner.values import Placement, Segment
from scheduler.domain.windows import Window


class Occupation:
    """Which visits of the affected courses use the calendar; those of all other patients always do."""

    def __init__(
        self,
        availability: Availability,
        held: Mapping[int, tuple[Placement, ...]],
        staying: Mapping[int, tuple[Placement, ...]] | None = None,
    ) -> None:
        """`availability` counts the time of the visits that are `held`, by course, and `staying` as taken."""
        self.availability, self.held, self.staying = availability, dict(held), dict(staying or {})

    def copy(self) -> Occupation:
        return Occupation(self.availability, self.held, self.staying)

    def release(self, keys: Iterable[int]) -> None:
        """Free the time of all visits of these courses."""
        units = _Units(self.availability)
        for key in keys:
            units.give_back(self.held.pop(key, ()), self.staying.pop(key, ()))
        self.availability = units.availability

    def occupy(self, key: int, visits: Iterable[Placement], staying: Iterable[Placement] = ()) -> bool:
        """Take the time of the visits of a course; return False, and do nothing, where it is not free.

        `staying` are its visits as they are booked, while it is not known that they will leave: they keep their time.
        """
        units, placed, kept = _Units(self.availability), tuple(visits), tuple(staying)
        if not units.take(placed, kept):
            return False
        self.availability, self.held[key] = units.availability, placed
        if kept:
            self.staying[key] = kept
        return True

    def seen_by(self, course: AffectedCourse, siblings: Iterable[int]) -> Availability:
        """Return the calendar for a course: its patient is busy with other visits, also those of affected courses."""
        busy = [*course.busy]
        for key in siblings:
            visits = (*self.held.get(key, ()), *self.staying.get(key, ()))
            busy += [Window(visit.start, visit.attended_end) for visit in visits]
        calendar = replace(self.availability.calendar, patient_busy=tuple(busy))
        return self.availability.with_taken(calendar, {})


class _Units:
    """The units of all resources while visits are taken out or put in, one after the other.

    How many are free at a time is all that counts: booking gives out the real ones, and moves others where it must.
    """

    def __init__(self, availability: Availability) -> None:
        self._before = availability
        self._number = {one.id: one.units for one in availability.calendar.resources}
        self._taken: dict[int, dict[int, int]] = {}

    @property
    def availability(self) -> Availability:
        """The calendar as it is then."""
        return self._before.with_taken(self._before.calendar, self._taken)

    def give_back(self, *ways: Sequence[Placement]) -> None:
        """Free what visits use, each of these ways."""
        for id_, levels in self._needed(ways).items():
            units = self._of(id_)
            for level in levels:
                left = level
                for unit, cells in units.items():
                    units[unit], left = cells & ~left, left & ~cells

    def take(self, *ways: Sequence[Placement]) -> bool:
        """Take what visits use, so that each of these ways is possible; return whether it was free."""
        for id_, levels in self._needed(ways).items():
            units, number = self._of(id_), self._number.get(id_, 0)
            for level in levels:
                left = level
                for unit in range(number):
                    free = left & ~units.get(unit, 0)
                    units[unit] = units.get(unit, 0) | free
                    left &= ~free
                if left:
                    return False
        return True

    def _needed(self, ways: Iterable[Sequence[Placement]]) -> dict[int, list[int]]:
        """Return the cells in which at least one unit of each resource is needed, at least two, and so on.

        What is retired has no units, and nothing is counted of it.
        """
        most: dict[int, list[int]] = {}
        for visits in ways:
            needed: dict[int, list[int]] = {}
            for segment in (one for visit in visits for one in visit.segments):
                number = self._number.get(segment.resource_id, 0)
                if number:
                    levels = needed.setdefault(segment.resource_id, [])
                    for _ in range(number if segment.exclusive else 1):
                        _add(levels, self._cells(segment))
            for id_, levels in needed.items():
                most[id_] = [
                    one | other for one, other in zip_longest(most.get(id_, ()), levels, fillvalue=0)
                ]
        return most

    def _of(self, resource_id: int) -> dict[int, int]:
        """Return the cells in which each unit of a resource is taken."""
        return self._taken.setdefault(resource_id, dict(self._before.taken.get(resource_id, {})))

    def _cells(self, segment: Segment) -> int:
        bounds = floor_tick(segment.start), ceil_tick(segment.end)
        first, past = self._before.grid.utc.searchsorted(bounds).tolist()
        return span(first, past)


def _add(levels: list[int], cells: int) -> None:
    """Count one more unit in these cells."""
    for number, level in enumerate(levels):
        levels[number], cells = level | cells, level & cells
    if cells:
        levels.append(cells)
