"""The calendar while courses are taken out of it and put in again: whose time is taken at the moment.

An Availability is never changed, each step makes the next one out of it; what is not touched is shared, so a step costs
as much as the resources of one course.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from scheduler.domain.planner.grid.availability import Availability
from scheduler.domain.planner.grid.grid import ceil_tick, floor_tick
from scheduler.domain.planner.many.values import AffectedCourse
from scheduler.domain.planner.values import Placement, Segment, Taken
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
        removed = [one for key in keys for visit in self.held.pop(key, ()) for one in units.give_back(visit)]
        if removed:
            self.availability = self.availability.changed(self.availability.calendar, (), removed)

    def occupy(self, key: int, visits: Iterable[Placement]) -> bool:
        """Take the time of the visits of a course; return False, and do nothing, where it is not free."""
        units, placed = _Units(self.availability), tuple(visits)
        try:
            added = [one for visit in placed for one in units.take(visit)]
        except LookupError:
            return False
        self.availability = self.availability.changed(self.availability.calendar, added, ())
        self.held[key] = placed
        return True

    def seen_by(self, course: AffectedCourse, siblings: Iterable[int]) -> Availability:
        """Return the calendar for a course: its patient is busy with other visits, also those of affected courses."""
        busy = [*course.busy]
        for key in siblings:
            busy += [Window(visit.start, visit.attended_end) for visit in self.held.get(key, ())]
        calendar = replace(self.availability.calendar, patient_busy=tuple(busy))
        return self.availability.changed(calendar, (), ())


class _Units:
    """The units of all resources while visits are taken out or put in, one after the other.

    Any unit that is taken, or free, throughout will do: only how many are free at a time counts.
    """

    def __init__(self, availability: Availability) -> None:
        self.availability = availability
        self._taken: dict[int, dict[int, int]] = {}

    def give_back(self, visit: Placement) -> Iterator[Taken]:
        """Yield the units that a visit uses."""
        for segment, used, units in self._segments(visit):
            whole = [unit for unit, cells in units.items() if cells & used == used]
            for unit in whole if segment.exclusive else whole[:1]:
                units[unit] &= ~used
                yield segment.resource_id, unit, segment.start, segment.end

    def take(self, visit: Placement) -> Iterator[Taken]:
        """Yield the units that a visit will use. Raises LookupError where too few are free."""
        for segment, used, units in self._segments(visit):
            resource = self.availability.calendar.resource(segment.resource_id)
            total = resource.units if resource else 0
            free = [unit for unit in range(total) if not units.get(unit, 0) & used]
            if not free or (segment.exclusive and len(free) < total):
                raise LookupError(segment.resource_id)
            for unit in free if segment.exclusive else free[:1]:
                units[unit] = units.get(unit, 0) | used
                yield segment.resource_id, unit, segment.start, segment.end

    def _segments(self, visit: Placement) -> Iterator[tuple[Segment, int, dict[int, int]]]:
        """Yield each segment with its cells and the cells in which each unit of its resource is taken."""
        for segment in visit.segments:
            id_ = segment.resource_id
            units = self._taken.setdefault(id_, dict(self.availability.taken.get(id_, {})))
            bounds = floor_tick(segment.start), ceil_tick(segment.end)
            first, past = self.availability.grid.utc.searchsorted(bounds).tolist()
            # ones for the cells from `first` up to `past`
            yield segment, (1 << past) - (1 << first), units
