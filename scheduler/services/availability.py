"""The planner's calendar, from the database: hours, closures, and who is taken when.

A few queries, whatever the number of resources and visits; what is taken is kept from one question to the next (see
calendar_cache.py). A resource without hours of its own works whenever the clinic does; hours on a date replace the
weekly hours of that day.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from scheduler.domain.localtime import day_bounds
from scheduler.domain.planner.availability import Availability
from scheduler.domain.planner.calendar import Calendar
from scheduler.domain.planner.model import Resource
from scheduler.domain.plans import Role
from scheduler.domain.windows import Window, merged
from scheduler.models.clinic import Clinic
from scheduler.models.location import Location
from scheduler.models.occupation import Occupation
from scheduler.models.patient import Patient
from scheduler.models.practitioner import Practitioner, PractitionerRole
from scheduler.models.resource import Resource as ResourceRow
from scheduler.models.schedule import Closure, ScheduleHours, ScheduleOverride
from scheduler.services import calendar_cache

Hours = Mapping[int | None, Sequence[Window]]
MIDNIGHT_COMES = time(23, 59)  # the last minute that a form can say stands for the end of the day


def load(
    session: Session,
    clinic: Clinic,
    first_on: date,
    days: int,
    now: datetime,
    patient: Patient | None = None,
    releasing: frozenset[int] = frozenset(),
) -> Availability:
    """Return who is free on `days` clinic-local days from `first_on`.

    `releasing` are ids of appointments whose time counts as free, because they are about to move.
    """
    frame = _frame(session, clinic, first_on, days)
    rows, shared = calendar_cache.rows(session, clinic.id, frame, now)
    busy = _busy(session, clinic, frame, patient, releasing)
    if not releasing and not busy:
        return shared
    leaving = _rows_of(session, clinic, releasing)
    occupied = (
        [taken for row_id, taken in rows.items() if row_id not in leaving] if leaving else rows.values()
    )
    calendar = replace(shared.calendar, occupied=list(occupied), patient_busy=busy)
    return shared.changed(calendar, (), [rows[row_id] for row_id in leaving if row_id in rows])


def _frame(session: Session, clinic: Clinic, first_on: date, days: int) -> Calendar:
    """Return the calendar with everything but who is taken."""
    first, last = first_on, first_on + timedelta(days=days - 1)
    span = Window(day_bounds(first, clinic.zone)[0], day_bounds(last, clinic.zone)[1])
    return Calendar(
        zone=clinic.zone,
        first_on=first_on,
        days=days,
        resources=_resources(session, clinic),
        hours=_hours(session, clinic, first_on, days),
        closures=_closures(session, clinic, span),
        notice=timedelta(minutes=clinic.settings.notice_minutes),
    )


def _resources(session: Session, clinic: Clinic) -> tuple[Resource, ...]:
    return (*_places(session, clinic), *_people(session, clinic))


def _places(session: Session, clinic: Clinic) -> Iterator[Resource]:
    query = (
        select(ResourceRow.id, ResourceRow.kind, ResourceRow.lanes, Location.name, Location.capabilities)
        .join(Location, Location.resource_id == ResourceRow.id)
        .where(Location.clinic_id == clinic.id, Location.active)
        .order_by(Location.rank, Location.name)
    )
    for resource_id, kind, lanes, name, capabilities in session.execute(query):
        yield Resource(resource_id, name, frozenset({Role(kind.value)}), lanes or 1, frozenset(capabilities))


def _people(session: Session, clinic: Clinic) -> Iterator[Resource]:
    query = (
        select(Practitioner.resource_id, Practitioner.name, ResourceRow.lanes, PractitionerRole.role)
        .join(ResourceRow, ResourceRow.id == Practitioner.resource_id)
        .join(PractitionerRole, PractitionerRole.practitioner_id == Practitioner.id)
        .where(Practitioner.clinic_id == clinic.id, Practitioner.active)
        .order_by(Practitioner.rank, Practitioner.name, Practitioner.id)
    )
    people: dict[int, _Person] = {}
    for resource_id, name, lanes, role in session.execute(query):
        people.setdefault(resource_id, _Person(name, lanes)).roles.add(role)
    for resource_id, person in people.items():
        lanes = person.lanes or (clinic.settings.nurse_lanes if Role.NURSE in person.roles else 1)
        yield Resource(resource_id, person.name, frozenset(person.roles), lanes)


@dataclass
class _Person:
    name: str
    lanes: int | None
    roles: set[Role] = field(default_factory=set)


def _hours(session: Session, clinic: Clinic, first_on: date, days: int) -> Hours:
    last_on = first_on + timedelta(days=days - 1)
    weekly = session.execute(
        select(
            ScheduleHours.resource_id,
            ScheduleHours.weekday,
            ScheduleHours.starts,
            ScheduleHours.ends,
            ScheduleHours.valid_from,
            ScheduleHours.valid_until,
        ).where(ScheduleHours.clinic_id == clinic.id)
    ).all()
    dated = session.execute(
        select(
            ScheduleOverride.resource_id,
            ScheduleOverride.on_date,
            ScheduleOverride.starts,
            ScheduleOverride.ends,
        ).where(
            ScheduleOverride.clinic_id == clinic.id,
            ScheduleOverride.on_date >= first_on,
            ScheduleOverride.on_date <= last_on,
        )
    ).all()
    replaced = {(resource_id, on) for resource_id, on, _, _ in dated}
    windows: dict[int | None, list[Window]] = defaultdict(list)
    for resource_id, weekday, starts, ends, valid_from, valid_until in weekly:
        windows[resource_id] = windows[resource_id]  # hours that have ended are still hours: not "always"
        for on in _weekdays(
            weekday, max(first_on, valid_from or first_on), min(last_on, valid_until or last_on)
        ):
            if (resource_id, on) not in replaced:
                windows[resource_id].append(_window(on, starts, ends, clinic.zone))
    for resource_id, on, starts, ends in dated:
        windows[resource_id].append(_window(on, starts, ends, clinic.zone))
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
    return Window(start, next_midnight if ends >= MIDNIGHT_COMES else end)


def _closures(session: Session, clinic: Clinic, span: Window) -> Hours:
    query = select(Closure.resource_id, Closure.start_at, Closure.end_at).where(
        Closure.clinic_id == clinic.id, Closure.start_at < span.end, Closure.end_at > span.start
    )
    windows: dict[int | None, list[Window]] = defaultdict(list)
    for resource_id, start, end in session.execute(query):
        windows[resource_id].append(Window(start, end))
    return windows


def _busy(
    session: Session, clinic: Clinic, frame: Calendar, patient: Patient | None, releasing: frozenset[int]
) -> list[Window]:
    """Return when the patient has other visits."""
    if patient is None:
        return []
    query = select(Occupation.start_at, Occupation.end_at).where(
        Occupation.resource_id == patient.resource_id,
        Occupation.lane == 0,  # a patient has no other, and the index has the lane before the time
        Occupation.released_at.is_(None),
        Occupation.start_at >= day_bounds(frame.first_on, clinic.zone)[0] - timedelta(days=1),
    )
    if releasing:
        query = query.where(Occupation.appointment_id.not_in(sorted(releasing)))
    return [Window(start, end) for start, end in session.execute(query)]


def _rows_of(session: Session, clinic: Clinic, appointment_ids: frozenset[int]) -> set[int]:
    """Return the ids of what these appointments take up."""
    if not appointment_ids:
        return set()
    query = select(Occupation.id).where(
        Occupation.clinic_id == clinic.id, Occupation.appointment_id.in_(sorted(appointment_ids))
    )
    return set(session.scalars(query.where(Occupation.released_at.is_(None))))
