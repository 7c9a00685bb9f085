"""Why a visit cannot be on a day, or at a time: one sentence, the lasting obstacle first.

What the day itself rules out comes before the spacing of the course, and the spacing before what others have booked.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from sqlalchemy.orm import Session

from scheduler.domain import planner
from scheduler.domain.localtime import day_bounds, local_on, to_local
from scheduler.domain.planner.answers.words import counted, listed
from scheduler.domain.planner.grid.availability import Availability
from scheduler.domain.plans import Action, Edge, Offset, Role, Unit
from scheduler.domain.spacing import amounts
from scheduler.domain.text import upper_first
from scheduler.models.clinic import Clinic
from scheduler.models.location import Location, Where
from scheduler.models.practitioner import Practitioner
from scheduler.models.schedule import closures
from scheduler.services.planning.placing import DayCalendars, alone

UNITS = {Unit.DAYS: "day", Unit.HOURS: "hour", Unit.WORKING_DAYS: "working day"}
CLOSED = "Closed"


@dataclass(frozen=True)
class VisitBefore:
    """The visit from which another one is counted: what it is called, and when it is."""

    title: str
    start: datetime
    end: datetime


@dataclass(frozen=True)
class Explainer:
    """Says why one visit of a clinic cannot be somewhere.

    `chosen` are the resource ids of the places and people that it was to have, `names` what they are called, by role.
    `earlier` is the visit from which it is counted in its course. `rules` returns what other rules say against a day.
    """

    session: Session
    clinic: Clinic
    action: Action
    days: DayCalendars
    now: datetime
    works: Callable[[date], bool]
    chosen: Collection[int]
    names: Mapping[Role, str]
    earlier: VisitBefore | None = None
    rules: Callable[[date], Collection[str]] | None = None

    def day(self, on: date, *, outside: bool = False) -> str:
        """Return why there is no time on a day; `outside` does not count the spacing."""
        today = local_on(self.now, self.clinic.zone)
        if on < today:
            return "In the past"
        if (on - today).days >= self.clinic.settings.planning_horizon_days:
            return "Beyond the booking horizon"
        calendar = self.days.on(on)
        if not calendar.open or self._site_is_closed(calendar):
            return self._closed(on)
        if not outside and (words := self.spacing(on)):
            return f"Outside the spacing: {words}"
        if self.rules and (words := " ".join(self.rules(on))):
            return words
        found = planner.blocked(alone(self.action).actions[0], calendar, self.chosen, now=self.now)
        if found.closed:
            return "The clinic is not open long enough"
        if found.roles:
            return f"{self._lacking(found.roles)} free long enough"
        if found.together:
            return f"{self._all_roles()} are never free at the same time"
        if found.too_soon:
            return "No time left today" if on == today else "Within the clinic's minimum notice"
        if found.patient:
            return "The patient has another visit at the free times"
        return "No time that keeps the spacing of the other visits"

    def at(self, start: datetime) -> list[str]:
        """Return what keeps the visit from starting at an instant, the lasting obstacle first."""
        on, formats = local_on(start, self.clinic.zone), self.clinic.formats
        found = []
        if words := self.spacing(on, start):
            found.append(f"{formats.day(on)} is {words}.")
        found += self.rules(on) if self.rules else ()
        calendar = self.days.on(on)
        if not calendar.open or self._site_is_closed(calendar):
            return [*found, f"{self._closed(on)}."]
        one = alone(self.action).actions[0]
        stopped = planner.blocked(one, calendar, self.chosen, now=self.now, at=start)
        end = start + self.action.attended_length
        local, leaves = to_local(start, self.clinic.zone), to_local(end, self.clinic.zone)
        when = formats.times(local.time(), leaves.time())
        if stopped.closed:
            found.append(f"The clinic is not open {when}.")
        elif stopped.roles:
            found.append(f"{self._lacking(stopped.roles)} free {when}.")
        elif stopped.together:
            found.append(f"{self._all_roles()} are not free at the same time {when}.")
        if stopped.patient:
            found.append(f"The patient has another visit {when}.")
        return found

    def spacing(self, on: date, start: datetime | None = None) -> str:
        """Return how far a day, or an instant, is from the earlier visit, when that is not allowed; else nothing."""
        offset, earlier = self.action.offset, self.earlier
        if offset is None or earlier is None:
            return ""
        first, last = (start, start) if start else day_bounds(on, self.clinic.zone)
        origin = earlier.end if offset.edge is Edge.END else earlier.start
        low, high = amounts(offset, origin, first, last, self.clinic.zone, self.works)
        if low <= offset.max and high >= offset.min:
            return ""
        name = earlier.title[:1].lower() + earlier.title[1:]
        gap = low if low > offset.max else high
        return f"{_far(gap, offset, name)} ({self._allowed(offset, origin, start)})"

    def _allowed(self, offset: Offset, origin: datetime, start: datetime | None) -> str:
        span = str(offset.min) if offset.min == offset.max else f"{offset.min} to {offset.max}"
        words = f"{span} allowed"
        if start is None or offset.unit is not Unit.DAYS:
            return words
        bound = offset.max if start > origin + timedelta(days=offset.max) else offset.min
        which = "latest" if bound == offset.max else "earliest"
        on = local_on(origin, self.clinic.zone) + timedelta(days=bound)
        return f"{words}, {which} {self.clinic.formats.day(on)}"

    def _site_is_closed(self, calendar: Availability) -> bool:
        """Tell whether no chair or room of the visit's site is open at all."""
        if not self.action.needs_place:
            return False
        here = [one for one in calendar.resources if one.site is not None and one.site == self.action.site]
        return bool(here) and not any(calendar.duty[one.id] for one in here)

    def _closed(self, on: date) -> str:
        start, end = day_bounds(on, self.clinic.zone)
        midnight = datetime.combine(on, time.min)
        for one in closures(self.session, self.clinic.id, start, end):
            whole = one.local_start <= midnight + timedelta(hours=12) <= one.local_end
            if one.resource_id in (None, self.action.site) and whole:
                return f"{CLOSED}: {one.reason}" if one.reason else CLOSED
        return CLOSED

    def _lacking(self, roles: Collection[Role]) -> str:
        """Return such as "No chair is" or "Chair 2 is not", of the first that is lacking."""
        role = next(iter(roles))
        return f"{self.names[role]} is not" if role in self.names else f"No {role.value} is"

    def _all_roles(self) -> str:
        asked = dict.fromkeys(need.role for phase in self.action.phases for need in phase.needs)
        return upper_first(listed([self.names.get(role, role.value) for role in asked]))


def names_by_role(location: Where | None, practitioners: Iterable[Practitioner]) -> dict[Role, str]:
    """Return what the chosen place and people are called, by the roles that they may have."""
    names = {Role(location.kind.value): location.name} if isinstance(location, Location) else {}
    return names | {role: person.name for person in practitioners for role in person.roles}


def _far(gap: float, offset: Offset, name: str) -> str:
    if gap < 0:
        return f"before {name}"
    number = round(gap)
    if number == 0 and offset.unit is not Unit.HOURS:
        return f"the same day as {name}"
    return f"{counted(number, UNITS[offset.unit])} after {name}"
