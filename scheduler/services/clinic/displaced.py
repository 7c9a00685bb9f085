"""Which live visits are where their clinic, location or practitioner is not available: the one question about it.

A visit is displaced while the clinic, its site or something that it uses is closed, off duty or retired during its
time: by a closure, a leave, weekly hours or hours of a date. That is asked of the calendar and never stored, so a
closure that is withdrawn displaces nothing any more.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from scheduler.domain.status import EXPECTED
from scheduler.domain.windows import Window
from scheduler.models.allocation import PATIENT, Allocation
from scheduler.models.appointment import Appointment
from scheduler.models.clinic import Clinic
from scheduler.models.location import Location
from scheduler.models.practitioner import Practitioner
from scheduler.models.site import Site
from scheduler.services.clinic.open_times import OpenTimes


@dataclass(frozen=True)
class Displaced:
    """A displaced visit, and what is not available: names of people, places and sites, or the clinic's."""

    visit: Appointment
    unavailable: tuple[str, ...]


def ahead(session: Session, clinic: Clinic, now: datetime) -> list[Displaced]:
    """Return the displaced visits of a clinic that are ahead, in order of time."""
    query = select(Appointment).where(
        Appointment.clinic_id == clinic.id, Appointment.start_at > now, Appointment.status.in_(EXPECTED)
    )
    query = query.options(joinedload(Appointment.patient))
    return among(session, clinic, session.scalars(query.order_by(Appointment.start_at, Appointment.id)).all())


def among(session: Session, clinic: Clinic, visits: Sequence[Appointment]) -> list[Displaced]:
    """Return those of these visits of a clinic that are displaced, in their order. The number of queries is fixed."""
    expected = [one for one in visits if one.status.is_expected]
    if not expected:
        return []
    used: dict[int, list[tuple[int, Window]]] = defaultdict(list)
    rows = (
        select(Appointment.id, Allocation.resource_id, Allocation.start_at, Allocation.end_at)
        .join(Allocation, Allocation.appointment_id == Appointment.id)
        .where(
            Appointment.id.in_([one.id for one in expected]),
            Allocation.released_at.is_(None),
            Allocation.role != PATIENT,
        )
    )
    for appointment_id, resource_id, start, end in session.execute(rows):
        used[appointment_id].append((resource_id, Window(start, end)))
    first, last = min(one.start_at for one in expected), max(one.end_at for one in expected)
    # set-up and clean-up belong to a visit
    calendar = OpenTimes(session, clinic, first - timedelta(days=1), last + timedelta(days=1))
    names, sites = _names(session, clinic), _sites(session, clinic)
    found = []
    for visit in expected:
        windows = used[visit.id]
        during = [Window(visit.start_at, visit.end_at), *(window for _, window in windows)]
        gone = {clinic.name: None} if not all(calendar.is_open(None, one) for one in during) else {}
        for resource_id, window in windows:
            name, is_active = names.get(resource_id, ("", False))
            if (site := sites.get(resource_id)) and not calendar.is_open(site[0], window):
                gone[site[1]] = None
            if not is_active or not calendar.is_open(resource_id, window):
                gone[name] = None
        if gone:
            found.append(Displaced(visit, tuple(gone)))
    return found


def _sites(session: Session, clinic: Clinic) -> dict[int, tuple[int, str]]:
    """Return the resource and the name of the site of each chair and room, by resource."""
    query = select(Location.resource_id, Site.resource_id, Site.name).join(Site, Site.id == Location.site_id)
    rows = session.execute(query.where(Location.clinic_id == clinic.id))
    return {place: (resource_id, name) for place, resource_id, name in rows}


def _names(session: Session, clinic: Clinic) -> dict[int, tuple[str, bool]]:
    """Return the name of each place and person by resource, and whether it is still there."""
    places = select(Location.resource_id, Location.name, Location.active)
    people = select(Practitioner.resource_id, Practitioner.name, Practitioner.active)
    rows = [
        *session.execute(places.where(Location.clinic_id == clinic.id)),
        *session.execute(people.where(Practitioner.clinic_id == clinic.id)),
    ]
    return {resource_id: (name, is_active) for resource_id, name, is_active in rows}
