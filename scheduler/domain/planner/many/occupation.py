"""The calendar while courses are taken out of it and put in again: whose time is taken at the moment.

An Availability is never changed, each step makes the next one out of it; what is not touched is shared, so a step costs
as much as the resources of one course.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from scheduler.domain.planner.grid.availability import Availability
from scheduler.domain.planner.grid.bitsets import span
from scheduler.domain.planner.grid.grid import ceil_tick, floor_tick
from scheduler.domain.planner.many.values import AffectedCourse
from scheduler.domain.planner.values import Placement, Segment
from scheduler.domain.windows import Window


class Occupation:
    """Which visits of the affected courses use the calendar; those of all other patients always do."""

    def __init__(self, availability: Availability, held: Mapping[int, tuple[Placement, ...]]) -> None:
        """`availability` counts the time of the visits that are `held`, by course, as taken."""
        self.availability, self.held = availability, dict(held)

    def copy(self) -> Occupation:
        return Occupation(self.availability, self.held)

    def release(self, keys: Iterable[int]) -> None:
        """Free the time of all visits of these courses."""
        units = _Units(self.availability)
        for key in keys:
            for visit in self.held.pop(key, ()):
                units.give_back(visit)
        self.availability = units.availability

    def occupy(self, key: int, visits: Iterable[Placement]) -> bool:
        """Take the time of the visits of a course; return False, and do nothing, where it is not free."""
        units, placed = _Units(self.availability), tuple(visits)
        if not all(units.take(visit) for visit in placed):
            return False
        self.availability, self.held[key] = units.availability, placed
        return True

    def seen_by(self, course: AffectedCourse, siblings: Iterable[int]) -> Availability:
        """Return the calendar for a course: its patient is busy with other visits, also those of affected courses."""
        busy = [*course.busy]
        for key in siblings:
            busy += [Window(visit.start, visit.attended_end) for visit in self.held.get(key, ())]
        calendar = replace(self.availability.calendar, patient_busy=tuple(busy))
        return self.availability.with_taken(calendar, {})


class _Units:
    """The units of all resources while visits are taken out or put in, one after the other.

    How many are free at a time is all that counts: booking gives out the real ones, and moves others where it must.
    """

    def __init__(self, availability: Availability) -> None:
        self._before = availability
        self._taken: dict[int, dict[int, int]] = {}

    @property
    def availability(self) -> Availability:
        """The calendar as it is then."""
        return self._before.with_taken(self._before.calendar, self._taken)

    def give_back(self, visit: Placement) -> None:
        """Free what a visit uses."""
        for segment in visit.segments:
            units, left = self._of(segment), self._cells(segment)
            for unit, cells in units.items():
                units[unit] = cells & ~left
                if not segment.exclusive:
                    left &= ~cells

    def take(self, visit: Placement) -> bool:
        """Take what a visit uses; return whether it was free."""
        for segment in visit.segments:
            units, left = self._of(segment), self._cells(segment)
            if segment.exclusive and any(cells & left for cells in units.values()):
                return False
            for unit in range(self._number(segment)):
                free = left & ~units.get(unit, 0)
                units[unit] = units.get(unit, 0) | free
                if not segment.exclusive:
                    left &= ~free
            if left and not segment.exclusive:
                return False
        return True

    def _number(self, segment: Segment) -> int:
        resource = self._before.calendar.resource(segment.resource_id)
        return resource.units if resource else 0

    def _of(self, segment: Segment) -> dict[int, int]:
        """Return the cells in which each unit of a segment's resource is taken."""
        id_ = segment.resource_id
        return self._taken.setdefault(id_, dict(self._before.taken.get(id_, {})))

    def _cells(self, segment: Segment) -> int:
        bounds = floor_tick(segment.start), ceil_tick(segment.end)
        first, past = self._before.grid.utc.searchsorted(bounds).tolist()
        return span(first, past)
