"""Appointment: a visit with its patient, place and people. Statuses are FHIR's own."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session, selectinload

from scheduler.domain.status import AppointmentStatus, Response
from scheduler.errors import NotFound
from scheduler.fhir import values
from scheduler.fhir.elements import Element, coded, filled, instant, meta, own_code, reference
from scheduler.fhir.outcomes import BadSearch
from scheduler.fhir.searches import SearchableTable, SearchPage, SearchRequest
from scheduler.http import access
from scheduler.http.bearer import caller
from scheduler.models import appointment as appointments
from scheduler.models.appointment import Appointment, Participant
from scheduler.models.location import Location
from scheduler.models.patient import Patient
from scheduler.models.practitioner import Practitioner
from scheduler.services.account.permissions import sees
from scheduler.services.actors import Actor

PARAMETERS = {
    "date": "date",
    "patient": "reference",
    "practitioner": "reference",
    "location": "reference",
    "actor": "reference",
    "status": "token",
}
ANSWERS = {
    Response.ACCEPTED: "accepted",
    Response.DECLINED: "declined",
    Response.NEEDS_ACTION: "needs-action",
}
CANCELLATION = "http://terminology.hl7.org/CodeSystem/appointment-cancellation-reason"
SIDES = {"patient": ("pat", "Patient"), "provider": ("prov", "Provider")}


def read(session: Session, actor: Actor, public_id: str, now: datetime) -> Element:
    del now
    visit = appointments.by_public_id(session, actor.clinic.id, public_id)
    if visit is None:
        raise NotFound
    return view(visit)


def search(session: Session, actor: Actor, asked: SearchRequest, now: datetime) -> SearchPage:
    del now
    return ROWS.search(session, actor, asked)


def view(visit: Appointment) -> Element:
    """Return a visit as FHIR shows one; times have the offset of its own zone."""
    access.touch(visit)
    ordinal = f" {visit.position} of {visit.series_length}" if visit.position and visit.series_length else ""
    return {
        "resourceType": "Appointment",
        "id": visit.public_id,
        "meta": meta(visit.row_version, redacted=bool(visit.status_reason) and not sees(caller(), "reasons")),
        **filled(
            identifier=[{"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{visit.uid}"}],
            status=visit.status.value,
            cancelationReason=_cancellation(visit),
            serviceType=[own_code("visit-kind", visit.kind, visit.title)],
            description=f"{visit.series.title()}{ordinal}" if visit.series and ordinal else visit.title,
            supportingInformation=_course(visit),
            start=instant(visit.start_at, visit.zone),
            end=instant(visit.end_at, visit.zone),
            minutesDuration=round((visit.end_at - visit.start_at).total_seconds() / 60),
            created=instant(visit.created_at, visit.zone),
            participant=_participants(visit),
        ),
    }


def _cancellation(visit: Appointment) -> Element | None:
    if not visit.status.may_be_made_up:  # canceled or missed: the two for which FHIR has a reason
        return None
    code, words = SIDES.get(visit.cancel_side or "", ("", ""))
    text = (visit.status_reason if sees(caller(), "reasons") else "") or words
    return coded(text, CANCELLATION, code) if text else None


def _course(visit: Appointment) -> list[Element]:
    return [reference("CarePlan", visit.care_plan.public_id)] if visit.care_plan else []


def _participants(visit: Appointment) -> list[Element]:
    patient = reference("Patient", visit.patient.public_id)
    found = [{"actor": patient, "required": "required", "status": ANSWERS[visit.response]}]
    others = [reference("Practitioner", one.public_id, one.name) for one in visit.practitioners]
    if visit.location is not None:
        others.append(reference("Location", visit.location.public_id, visit.location.name))
    return found + [{"actor": one, "required": "required", "status": "accepted"} for one in others]


def _narrow(actor: Actor, name: str, value: str) -> ColumnElement[bool]:
    if name == "date":
        return values.any_of(Appointment.start_at, values.instants(name, value, actor.clinic.zone))
    if name == "status":
        return Appointment.status.in_(values.codes(name, value, AppointmentStatus))
    if name == "patient":
        return _of_patients(actor, values.ids(name, value, "Patient"))
    if name == "practitioner":
        return _of_people(actor, values.ids(name, value, "Practitioner"))
    if name == "location":
        return _at_places(actor, values.ids(name, value, "Location"))
    if "/" not in value:
        raise BadSearch("actor: give the kind too, such as Patient/x")
    wanted = values.ids(name, value, "Patient", "Practitioner", "Location")
    return _of_patients(actor, wanted) | _of_people(actor, wanted) | _at_places(actor, wanted)


def _of_patients(actor: Actor, wanted: list[str]) -> ColumnElement[bool]:
    chosen = select(Patient.id).where(Patient.clinic_id == actor.clinic.id, Patient.public_id.in_(wanted))
    return Appointment.patient_id.in_(chosen)


def _of_people(actor: Actor, wanted: list[str]) -> ColumnElement[bool]:
    visits = select(Participant.appointment_id).join(
        Practitioner, Practitioner.id == Participant.practitioner_id
    )
    return Appointment.id.in_(
        visits.where(Practitioner.clinic_id == actor.clinic.id, Practitioner.public_id.in_(wanted))
    )


def _at_places(actor: Actor, wanted: list[str]) -> ColumnElement[bool]:
    chosen = select(Location.id).where(Location.clinic_id == actor.clinic.id, Location.public_id.in_(wanted))
    return Appointment.location_id.in_(chosen)


ROWS = SearchableTable(
    Appointment,
    (Appointment.start_at, Appointment.public_id),
    _narrow,
    view,
    options=(
        selectinload(Appointment.patient),
        selectinload(Appointment.location),
        selectinload(Appointment.care_plan),
        selectinload(Appointment.participants).selectinload(Participant.practitioner),
    ),
)
