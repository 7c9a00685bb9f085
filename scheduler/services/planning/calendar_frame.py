"""The calendar's frame, from the database: which resources there are, when they work, and what closes.

A few queries for any number of resources. They are written once, because building a query takes longer than
asking it, and what their rows make is kept by the rows themselves: the same ones come at every question.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import BindParameter, Select, Text, bindparam, cast, select
from sqlalchemy.orm import Session

from scheduler.domain.localtime import day_bounds
from scheduler.domain.planner.measures import both
from scheduler.domain.planner.values import Calendar, PlannerResource
from scheduler.domain.plans import Role
from scheduler.domain.windows import Window, merged
from scheduler.models.clinic import Clinic
from scheduler.models.location import Location
from scheduler.models.practitioner import Practitioner, PractitionerRole
from scheduler.models.resource import Resource, ResourceKind
from scheduler.models.schedule import END_OF_DAY, Closure, ScheduleHours, ScheduleOverride, alternate_week
from scheduler.models.site import Site

Hours = Mapping[int | None, Sequence[Window]]
PlaceRow = tuple[int, ResourceKind, int | None, str, str, int]
PersonRow = tuple[int, str, int | None, Role]
WeeklyRow = tuple[int | None, int, time, time, date | None, date | None, int | None]
DatedRow = tuple[int | None, date, time, time]

CLINIC: BindParameter[int] = bindparam("clinic_id")
PLACES = (
    select(
        Resource.id,
        Resource.kind,
        Resource.units,
        Location.name,
        cast(Location.capabilities, Text),  # read by _places, and only when it has changed
        Site.resource_id,
    )
    .join(Location, Location.resource_id == Resource.id)
    .join(Site, Site.id == Location.site_id)
    .where(Location.clinic_id == CLINIC, Location.active)
    .order_by(Location.rank, Location.name)
)
PEOPLE = (
    select(Practitioner.resource_id, Practitioner.name, Resource.units, PractitionerRole.role)
    .join(Resource, Resource.id == Practitioner.resource_id)
    .join(PractitionerRole, PractitionerRole.practitioner_id == Practitioner.id)
    .where(Practitioner.clinic_id == CLINIC, Practitioner.active)
    .order_by(Practitioner.rank, Practitioner.name, Practitioner.id, PractitionerRole.role)
)
WEEKLY = (
    select(
        ScheduleHours.resource_id,
        ScheduleHours.weekday,
        ScheduleHours.starts,
        ScheduleHours.ends,
        ScheduleHours.valid_from,
        ScheduleHours.valid_until,
        ScheduleHours.week,
    )
    .where(ScheduleHours.clinic_id == CLINIC)
    .order_by(ScheduleHours.id)
)
DATED = (
    select(
        ScheduleOverride.resource_id, ScheduleOverride.on_date, ScheduleOverride.starts, ScheduleOverride.ends
    )
    .where(
        ScheduleOverride.clinic_id == CLINIC,
        ScheduleOverride.on_date.between(bindparam("first_on"), bindparam("last_on")),
    )
    .order_by(ScheduleOverride.id)
)
CLOSED = (
    select(Closure.resource_id, Closure.start_at, Closure.end_at)
    .where(
        Closure.clinic_id == CLINIC, Closure.start_at < bindparam("end"), Closure.end_at > bindparam("start")
    )
    .order_by(Closure.id)
)


def frame(session: Session, clinic: Clinic, first_on: date, days: int) -> Calendar:
    """Return the calendar of `days` clinic-local days with everything but who is taken."""
    last_on = first_on + timedelta(days=days - 1)
    start, end = day_bounds(first_on, clinic.zone)[0], day_bounds(last_on, clinic.zone)[1]
    mine = {"clinic_id": clinic.id}
    places = _rows(session, PLACES, mine)
    people = _rows(session, PEOPLE, mine)
    weekly = _rows(session, WEEKLY, mine)
    dated = _rows(session, DATED, {**mine, "first_on": first_on, "last_on": last_on})
    closed: dict[int | None, list[Window]] = defaultdict(list)
    for resource_id, closes, opens in session.execute(CLOSED, {**mine, "start": start, "end": end}):
        closed[resource_id].append(Window(closes, opens))
    for place in places:  # a chair is closed when its site is
        closed[place[0]] += closed.get(place[-1], ())
    settings = clinic.settings
    return Calendar(
        zone=clinic.zone,
        first_on=first_on,
        days=days,
        resources=_resources(places, people, settings.nurse_units),
        hours=_hours_at_sites(places, weekly, dated, first_on, last_on, clinic.zone),
        closures={resource_id: windows for resource_id, windows in closed.items() if windows},
        notice=timedelta(minutes=settings.notice_minutes),
        formats=settings.formats,
    )


def _rows(session: Session, query: Select[*tuple[Any, ...]], about: Mapping[str, object]) -> tuple[Any, ...]:
    """Return the rows as plain tuples, which hash and compare fast."""
    return tuple(tuple(row) for row in session.execute(query, dict(about)))


@lru_cache(maxsize=64)
def _resources(
    places: tuple[PlaceRow, ...],
    people: tuple[PersonRow, ...],
    nurse_units: int,
) -> tuple[PlannerResource, ...]:
    return (*_places(places), *_people(people, nurse_units))


def _places(rows: Iterable[PlaceRow]) -> Iterator[PlannerResource]:
    for resource_id, kind, units, name, capabilities, site in rows:
        known = frozenset(json.loads(capabilities))
        yield PlannerResource(resource_id, name, frozenset({Role(kind.value)}), units or 1, known, site)


def _people(rows: Iterable[PersonRow], nurse_units: int) -> Iterator[PlannerResource]:
    people: dict[int, _Person] = {}
    for resource_id, name, units, role in rows:
        people.setdefault(resource_id, _Person(name, units)).roles.add(role)
    for resource_id, person in people.items():
        units = person.units or (nurse_units if Role.NURSE in person.roles else 1)
        yield PlannerResource(resource_id, person.name, frozenset(person.roles), units)


@dataclass
class _Person:
    name: str
    units: int | None
    roles: set[Role] = field(default_factory=set)


@lru_cache(maxsize=64)
def _hours_at_sites(
    places: tuple[PlaceRow, ...],
    weekly: tuple[WeeklyRow, ...],
    dated: tuple[DatedRow, ...],
    first_on: date,
    last_on: date,
    zone: ZoneInfo,
) -> Hours:
    """Return the hours of the clinic, of people, and of chairs and rooms as those of their sites leave them."""
    found = dict(_hours(weekly, dated, first_on, last_on, zone))
    for resource_id, *_, site in places:
        if site in found:
            own = found.get(resource_id)
            found[resource_id] = found[site] if own is None else both(own, found[site])
    return found


def _hours(
    weekly: tuple[WeeklyRow, ...],
    dated: tuple[DatedRow, ...],
    first_on: date,
    last_on: date,
    zone: ZoneInfo,
) -> Hours:
    replaced = {(resource_id, on) for resource_id, on, _, _ in dated}
    windows: dict[int | None, list[Window]] = defaultdict(list)
    for resource_id, weekday, starts, ends, valid_from, valid_until, week in weekly:
        windows[resource_id] = windows[resource_id]  # hours that have ended are still hours: not "always"
        for on in _weekdays(
            weekday, max(first_on, valid_from or first_on), min(last_on, valid_until or last_on)
        ):
            if (resource_id, on) not in replaced and week in (None, alternate_week(on)):
                windows[resource_id].append(_window(on, starts, ends, zone))
    for resource_id in {resource_id for resource_id, _ in replaced} - windows.keys():
        days = (first_on + timedelta(days=n) for n in range((last_on - first_on).days + 1))
        open_days = [Window(*day_bounds(on, zone)) for on in days if (resource_id, on) not in replaced]
        windows[resource_id] = open_days  # without weekly hours it works on every other day
    for resource_id, on, starts, ends in dated:
        windows[resource_id].append(_window(on, starts, ends, zone))
    return {resource_id: merged(listed) for resource_id, listed in windows.items()}


def _weekdays(weekday: int, first_on: date, last_on: date) -> Iterator[date]:
    on = first_on + timedelta(days=(weekday - first_on.isoweekday()) % 7)
    while on <= last_on:
        yield on
        on += timedelta(days=7)


@lru_cache(maxsize=50_000)  # the same hours are asked for at every proposal; zone arithmetic is the slow part
def _window(on: date, starts: time, ends: time, zone: ZoneInfo) -> Window:
    """Return hours of a local day in UTC. An hour that a clock change skips starts or ends at the change."""
    midnight, next_midnight = day_bounds(on, zone)
    start = datetime.combine(on, starts, tzinfo=zone).astimezone(midnight.tzinfo)
    end = datetime.combine(on, ends, tzinfo=zone).astimezone(midnight.tzinfo)
    return Window(start, next_midnight if ends >= END_OF_DAY else end)
