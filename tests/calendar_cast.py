"""A small clinic with visits, for tests of calendars: rows as bookings leave them, without their services."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from scheduler.domain.status import AppointmentStatus
from scheduler.models import site
from scheduler.models.appointment import Appointment, Participant
from scheduler.models.clinic import Clinic
from scheduler.models.location import Location
from scheduler.models.patient import Patient
from scheduler.models.practitioner import Practitioner
from scheduler.models.resource import Resource, ResourceKind
from scheduler.services.clinic import sites

NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def add(session, row):
    session.add(row)
    session.flush()
    return row


def make_clinic(session, key="harbor", zone_name="America/New_York", **fields):
    return add(
        session,
        Clinic(
            key=key,
            name=fields.pop("name", "Harbor Street"),
            zone_name=zone_name,
            phone=fields.pop("phone", "+1 555 0100"),
            address=fields.pop("address", "12 Harbor Street, Portland"),
            **fields,
        ),
    )


def make_resource(session, clinic, kind):
    return add(session, Resource(clinic_id=clinic.id, kind=kind, units=1))


def make_patient(session, clinic, given_name="Ana", family_name="Brandt", **fields):
    resource = make_resource(session, clinic, ResourceKind.PATIENT)
    return add(
        session,
        Patient(
            clinic_id=clinic.id,
            resource_id=resource.id,
            given_name=given_name,
            family_name=family_name,
            email=fields.pop("email", "ana@patients.example"),
            created_at=NOW,
            **fields,
        ),
    )


def make_location(session, clinic, name="Chair 1"):
    resource = make_resource(session, clinic, ResourceKind.CHAIR)
    here = site.active(session, clinic.id) or [sites.found_first(session, clinic)]
    return add(session, Location(clinic_id=clinic.id, resource_id=resource.id, name=name, site_id=here[0].id))


def make_practitioner(session, clinic, name="Noor Haddad"):
    resource = make_resource(session, clinic, ResourceKind.PRACTITIONER)
    return add(session, Practitioner(clinic_id=clinic.id, resource_id=resource.id, name=name))


def visit(clinic, patient, local_start, minutes=115, **fields):
    """Return an unsaved visit that starts at a wall-clock time of the clinic, as text without a zone."""
    local = datetime.fromisoformat(local_start)
    start = local.replace(tzinfo=ZoneInfo(clinic.zone_name)).astimezone(UTC)
    return Appointment(
        clinic_id=clinic.id,
        patient_id=patient.id,
        action=fields.pop("action", "infusion-1"),
        kind=fields.pop("kind", "infusion"),
        title=fields.pop("title", "Infusion"),
        status=fields.pop("status", AppointmentStatus.BOOKED),
        start_at=start,
        end_at=start + timedelta(minutes=minutes),
        local_start=local,
        zone_name=clinic.zone_name,
        phases=[],
        sequence=fields.pop("sequence", 0),
        changed_at=fields.pop("changed_at", NOW),
        created_at=NOW,
        **fields,
    )


def make_visit(session, clinic, patient, local_start, practitioners=(), **fields):
    row = add(session, visit(clinic, patient, local_start, **fields))
    for rank, practitioner in enumerate(practitioners):
        add(
            session,
            Participant(
                clinic_id=clinic.id, appointment_id=row.id, practitioner_id=practitioner.id, rank=rank
            ),
        )
    session.refresh(row)
    return row
