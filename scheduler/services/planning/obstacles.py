"""What stands in the way of a visit at a time: whose visit, what is closed then, or who does not work.

Asked when a person must be told why: a drop on the board, a late arrival. The visit keeps its place and its people,
except that any other nurse may watch; its own time counts as free.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from scheduler.domain.localtime import local_on
from scheduler.domain.planner.grid.availability import Availability
from scheduler.domain.planner.grid.grid import ticks
from scheduler.domain.planner.values import Segment
from scheduler.domain.plans import Role
from scheduler.domain.windows import Window
from scheduler.models import schedule
from scheduler.models.allocation import PATIENT, Allocation, of_appointment
from scheduler.models.appointment import Appointment
from scheduler.models.clinic import Clinic
from scheduler.models.location import Location
from scheduler.models.schedule import Closure, ClosureKind
from scheduler.services.clinic import resources as named
from scheduler.services.planning import availability
from scheduler.services.planning.visit_rows import visit_of

THE_PATIENT = "The patient"


@dataclass(frozen=True)
class Obstacle:
    """A resource that cannot be had in a window, and the visit that takes it up, or else why it does not work then."""

    resource_id: int
    resource: str
    window: Window
    visit: Appointment | None = None
    why: str = ""


def at(
    session: Session,
    clinic: Clinic,
    appointment: Appointment,
    start: datetime,
    now: datetime,
    location: Location | None = None,
    leaving: frozenset[int] = frozenset(),
) -> list[Obstacle]:
    """Return what keeps a visit from starting at an instant, at its own place or another; nothing when it fits.

    Where its place or the patient is taken, that is named, and people only otherwise. `leaving` are other visits
    whose time counts as free.
    """
    on = local_on(start, clinic.zone)
    free = leaving | {appointment.id}
    calendar = availability.load(session, clinic, on, 1, now, appointment.patient, free)
    stopped = [one for one in _wanted(session, appointment, start, location) if not _is_free(calendar, one)]
    whole = Window(start, start + (appointment.end_at - appointment.start_at))
    ids = {one.resource_id for one in stopped} | {appointment.patient.resource_id}
    rows = _taken(session, clinic, ids, whole, stopped, free)
    names = named.names(session, clinic.id, ids)
    places = [one for one in stopped if one.role.is_place]
    of_patient = [
        Obstacle(row.resource_id, THE_PATIENT, Window(row.start_at, row.end_at), visit)
        for row, visit in rows
        if row.role == PATIENT and Window(row.start_at, row.end_at).overlaps(whole)
    ]
    told = places if places or of_patient else stopped
    closed = schedule.closures(
        session, clinic.id, whole.start, max([whole.end, *(one.end for one in stopped)])
    )
    found = [
        obstacle
        for one in told
        for obstacle in _of_segment(one, names[one.resource_id], rows)
        or [_not_there(calendar, one, names[one.resource_id], closed)]
    ]
    return _each_once([*found, *of_patient])


def _wanted(
    session: Session, appointment: Appointment, start: datetime, location: Location | None
) -> list[Segment]:
    """Return what the visit would take up at its new start."""
    later = start - appointment.start_at
    visit = visit_of(appointment, of_appointment(session, appointment.id))
    return [
        replace(
            one,
            start=one.start + later,
            end=one.end + later,
            resource_id=location.resource_id if location and one.role.is_place else one.resource_id,
        )
        for one in visit.segments
    ]


def _is_free(calendar: Availability, segment: Segment) -> bool:
    if segment.role is Role.NURSE:
        return any(_can(calendar, nurse.id, segment) for nurse in calendar.pool(Role.NURSE))
    return _can(calendar, segment.resource_id, segment)


def _can(calendar: Availability, resource_id: int, segment: Segment) -> bool:
    cell = calendar.grid.cell(segment.start)
    if cell is None or resource_id not in calendar.at_least:
        return False
    free = calendar.free_for(resource_id, ticks(segment.end - segment.start), segment.exclusive)
    return bool(free >> cell & 1)


def _taken(
    session: Session,
    clinic: Clinic,
    resource_ids: set[int],
    whole: Window,
    stopped: Sequence[Segment],
    free: frozenset[int],
) -> list[tuple[Allocation, Appointment]]:
    """Return what others take up of these resources around that time, in order."""
    end = max([whole.end, *(one.end for one in stopped)])
    query = (
        select(Allocation, Appointment)
        .join(Appointment, Appointment.id == Allocation.appointment_id)
        .options(joinedload(Appointment.patient))
        .where(
            Allocation.clinic_id == clinic.id,
            Allocation.resource_id.in_(sorted(resource_ids)),
            Allocation.released_at.is_(None),
            Allocation.start_at < end,
            Allocation.end_at > whole.start,
            Allocation.appointment_id.not_in(sorted(free)),
        )
    )
    rows = session.execute(query.order_by(Allocation.start_at, Allocation.id))
    return [(row[0], row[1]) for row in rows]


def _of_segment(
    segment: Segment, name: str, rows: Sequence[tuple[Allocation, Appointment]]
) -> list[Obstacle]:
    window = Window(segment.start, segment.end)
    return [
        Obstacle(
            row.resource_id,
            name,
            _whole(row, visit) if segment.role.is_place else Window(row.start_at, row.end_at),
            visit,
        )
        for row, visit in rows
        if row.resource_id == segment.resource_id and window.overlaps(Window(row.start_at, row.end_at))
    ]


def _not_there(calendar: Availability, segment: Segment, name: str, closed: Sequence[Closure]) -> Obstacle:
    """Say why a resource that is not in use is unavailable: what closes it or the clinic, or the hours of either."""
    window = Window(segment.start, segment.end)
    why = "not active" if segment.role.is_place else "not at work"
    if not _is_open(calendar, window):
        why = "the clinic is not open"
    resource = calendar.calendar.resource(segment.resource_id)
    mine_or_above = (None, segment.resource_id, resource.site if resource else None)
    for one in closed:
        mine = one.resource_id in mine_or_above
        if mine and window.overlaps(Window(one.start_at, one.end_at)):
            why = "closed"
            if one.kind is ClosureKind.LEAVE:
                why = "on leave"  # why a person is away does not concern the desk
            elif one.reason:
                why = f"closed, {one.reason}"
            break
    return Obstacle(segment.resource_id, name, window, why=why)


def _is_open(calendar: Availability, window: Window) -> bool:
    cells = calendar.grid.touched((window,))
    return cells.bit_count() >= ticks(window.end - window.start) and not cells & ~calendar.open


def _whole(row: Allocation, visit: Appointment) -> Window:
    """Return a visit's time in its place: to a person it is one visit, with all its phases."""
    return Window(visit.start_at, max(visit.end_at, row.end_at))


def _each_once(found: Sequence[Obstacle]) -> list[Obstacle]:
    """Return one obstacle for each resource and visit: several stretches of it are one thing to a person."""
    by_key: dict[tuple[int, int | None], Obstacle] = {}
    for one in found:
        key = (one.resource_id, one.visit.id if one.visit else None)
        known = by_key.get(key)
        window = (
            one.window if known is None else Window(known.window.start, max(known.window.end, one.window.end))
        )
        by_key[key] = replace(one, window=window)
    return sorted(by_key.values(), key=lambda one: one.window.start)
