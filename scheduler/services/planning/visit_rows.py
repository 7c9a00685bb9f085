"""From a planned visit to its row, and back to what the planner knows of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, object_session

from scheduler.domain.localtime import to_local
from scheduler.domain.plan_files import phase_document, phase_of
from scheduler.domain.planner.values import Done, Placement, Segment
from scheduler.domain.plans import Action, Role
from scheduler.domain.status import AppointmentStatus
from scheduler.models.allocation import PATIENT, Allocation
from scheduler.models.appointment import Appointment, Participant, appointments_of
from scheduler.models.care_plan import CarePlan
from scheduler.models.clinic import Clinic
from scheduler.models.location import Location
from scheduler.models.patient import Patient
from scheduler.models.practitioner import Practitioner
from scheduler.models.site import Site


class People:
    """Places and people of a clinic by resource id, read once."""

    def __init__(self, session: Session, clinic: Clinic, visits: Iterable[Placement]) -> None:
        ids = {segment.resource_id for visit in visits for segment in visit.segments}
        places = select(Location).where(Location.clinic_id == clinic.id, Location.resource_id.in_(ids))
        people = select(Practitioner).where(
            Practitioner.clinic_id == clinic.id, Practitioner.resource_id.in_(ids)
        )
        self.locations: Mapping[int, Location] = {row.resource_id: row for row in session.scalars(places)}
        self.practitioners: Mapping[int, Practitioner] = {
            row.resource_id: row for row in session.scalars(people)
        }


def planned(
    clinic: Clinic, patient: Patient, action: Action, visit: Placement, people: People, now: datetime
) -> Appointment:
    """Return the row of a new visit, booked; requirements may make it pending once it is part of a course."""
    appointment = Appointment(
        clinic_id=clinic.id,
        patient=patient,
        action=action.key,
        kind=action.kind,
        title=action.title,
        series=action.series,
        position=action.position,
        series_length=action.series_length,
        visible=action.visible,
        dosing=action.dosing,
        status=AppointmentStatus.BOOKED,
        zone_name=clinic.zone_name,
        phases=[phase_document(phase) for phase in action.phases],
        changed_at=now,
        created_at=now,
    )
    put(appointment, visit, people)
    return appointment


def put(appointment: Appointment, visit: Placement, people: People) -> None:
    """Give a row the visit's time, place and people."""
    appointment.start_at, appointment.end_at = visit.start, visit.attended_end
    appointment.local_start = to_local(visit.start, appointment.zone)
    place = visit.location_id
    appointment.location = people.locations[place] if place is not None else None
    wanted = [people.practitioners[resource_id] for resource_id in visit.practitioner_ids]
    kept = {one.practitioner.id: one for one in appointment.participants}
    appointment.participants = [
        kept.get(person.id) or Participant(clinic_id=appointment.clinic_id, practitioner=person)
        for person in wanted
    ]
    for rank, participant in enumerate(appointment.participants):
        participant.rank = rank


def as_booked(action: Action, appointment: Appointment) -> Action:
    """Return an action with the phases that its visit really has (a longer infusion), where it is, and booked."""
    phases = tuple(phase_of(document) for document in appointment.phases)
    place = appointment.location
    site = place.site.resource_id if place is not None else action.site
    return replace(action, phases=phases, proposed=False, site=site)


def action_of(appointment: Appointment) -> Action:
    """Return the visit as an action of its plan, with the phases that this visit has.

    A visit that its plan does not know (a single one, a make-up under another plan) follows nothing.
    """
    if appointment.care_plan is not None:
        for action in appointment.care_plan.plan_definition.plan.actions:
            if action.key == appointment.action:
                asks = action.needs_place and appointment.location is None
                site = site_of_course(appointment.care_plan) if asks else None
                return as_booked(replace(action, site=site.resource_id if site else None), appointment)
    phases = tuple(phase_of(document) for document in appointment.phases)
    return Action(
        key=appointment.action,
        kind=appointment.kind,
        title=appointment.title,
        phases=phases,
        series=appointment.series,
        position=appointment.position,
        series_length=appointment.series_length,
        visible=appointment.visible,
        dosing=appointment.dosing,
        site=appointment.location.site.resource_id if appointment.location is not None else None,
    )


def site_of_course(care_plan: CarePlan) -> Site | None:
    """Return where a course takes place: where most of its visits are, of equally many the later ones.

    Before any has a chair or room it is the site that was asked for.
    """
    sites = Counter(
        one.location.site
        for one in reversed(appointments_of(care_plan))
        if one.location is not None and not one.status.is_off
    )
    if sites:
        return sites.most_common(1)[0][0]
    session, wished = object_session(care_plan), care_plan.wishes.get("site")
    return session.get(Site, wished) if session and wished else None


def visit_of(appointment: Appointment, rows: Iterable[Allocation]) -> Placement:
    """Return what these rows of a visit take up, as the planner sees it.

    The units of one exclusive stretch are one segment.
    """
    segments = {
        (row.start_at, row.resource_id, row.phase): Segment(
            row.resource_id, Role(row.role), row.phase, row.start_at, row.end_at, row.exclusive
        )
        for row in rows
        if row.role != PATIENT
    }
    end = max([appointment.end_at, *(segment.end for segment in segments.values())])
    ordered = tuple(segments[key] for key in sorted(segments))
    return Placement(appointment.action, appointment.start_at, end, appointment.end_at, ordered)


def done_of(appointment: Appointment) -> Done:
    """Return the visit as one that stays where it is."""
    return Done(appointment.action, appointment.start_at, appointment.end_at)
