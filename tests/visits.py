"""Visits for tests that need one on the calendar and not the way it was booked."""

from datetime import timedelta

from scheduler.domain.localtime import to_local
from scheduler.domain.status import AppointmentStatus
from scheduler.models.allocation import Allocation
from scheduler.models.appointment import Appointment
from scheduler.models.plan_definition import current
from scheduler.services.course.booking import book_visit
from tests.cast import NOW


def add_visit(session, cast, place, start, patient=None, minutes=60) -> Appointment:
    """Put a visit of the cast's first patient on a chair or room."""
    patient = patient or next(iter(cast.patients.values()))
    location = cast.places[place]
    end = start + timedelta(minutes=minutes)
    visit = Appointment(
        clinic_id=cast.clinic.id,
        patient_id=patient.id,
        location_id=location.id,
        action="infusion-1",
        kind="infusion",
        title="Infusion",
        status=AppointmentStatus.BOOKED,
        start_at=start,
        end_at=end,
        local_start=to_local(start, cast.clinic.zone),
        zone_name=cast.clinic.zone_name,
        phases=[{"name": "infusion", "minutes": minutes, "attended": True}],
        changed_at=NOW,
        created_at=NOW,
    )
    session.add(visit)
    session.flush()
    session.add(allocate(visit, location.resource_id))
    session.flush()
    return visit


def single(session, cast, patient, action, start, place, key="iv-depression-6", now=NOW) -> Appointment:
    """Book one visit outside a course, on a chair or room, as a user who may override that rule."""
    step = next(one for one in current(session, cast.clinic.id, key).plan.actions if one.key == action)
    location = cast.places[place]
    reason = "one visit is enough for a test"
    return book_visit(session, cast.prescriber, patient, step, start, now, location, override_reason=reason)


def allocate(visit, resource_id, unit=0) -> Allocation:
    """Return a row that takes up a resource for the whole visit."""
    return Allocation(
        clinic_id=visit.clinic_id,
        resource_id=resource_id,
        unit=unit,
        appointment_id=visit.id,
        phase="infusion",
        role="chair",
        start_at=visit.start_at,
        end_at=visit.end_at,
    )
