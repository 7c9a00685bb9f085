"""Patient: who is treated and how to reach them. Reading one, or listing them, is noted in the audit trail."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, and_, func
from sqlalchemy.orm import Session

from scheduler.domain.folding import search_words
from scheduler.errors import Forbidden, NotFound
from scheduler.fhir import values
from scheduler.fhir.elements import Element, coded, filled, meta
from scheduler.fhir.outcomes import BadSearch
from scheduler.fhir.searches import SearchableTable, SearchPage, SearchRequest
from scheduler.http import access
from scheduler.http.bearer import caller
from scheduler.models import patient as patients
from scheduler.models.patient import Patient
from scheduler.services.account.permissions import sees
from scheduler.services.actors import Actor
from scheduler.services.patient.patient_search import found_by

PARAMETERS = {"name": "string", "birthdate": "date", "email": "token"}
LANGUAGES = "urn:ietf:bcp:47"
IDENTIFIER_TYPES = "http://terminology.hl7.org/CodeSystem/v2-0203"
CONTACT_ROLES = "http://terminology.hl7.org/CodeSystem/v2-0131"


def read(session: Session, actor: Actor, public_id: str, now: datetime) -> Element:
    del now
    patient = patients.by_public_id(session, actor.clinic.id, public_id)
    if patient is None:
        raise NotFound
    return {**view(patient), **_replaced(patients.surviving(session, patient), patient)}


def search(session: Session, actor: Actor, asked: SearchRequest, now: datetime) -> SearchPage:
    del now
    return ROWS.search(session, actor, asked)


def view(patient: Patient) -> Element:
    access.touch(patient)
    reached = sees(caller(), "contact")
    return {
        "resourceType": "Patient",
        "id": patient.public_id,
        "meta": meta(patient.row_version, redacted=not reached),
        **filled(
            active=patient.merged_into_id is None and patient.erased_at is None and patient.active,
            name=_names(patient),
            telecom=_telecom(patient) if reached else [],
            deceasedDateTime=patient.deceased_on.isoformat() if patient.deceased_on else None,
            identifier=_identifiers(patient) if reached else [],
            gender=patient.sex.value if patient.sex and sees(caller(), "needs") else None,
            address=_addresses(patient) if reached else [],
            contact=_contacts(patient) if reached else [],
            birthDate=patient.birth_date.isoformat() if reached and patient.birth_date else None,
            communication=[
                {"language": coded(patient.language, LANGUAGES, patient.language), "preferred": True}
            ],
        ),
    }


def _names(patient: Patient) -> list[Element]:
    family = {"family": patient.family_name} if patient.family_name else {}
    official = {"use": "official", **family, "given": [patient.given_name]}
    usual = {"use": "usual", "given": [patient.preferred_name]}
    return [official, usual] if patient.preferred_name else [official]


def _replaced(survivor: Patient, patient: Patient) -> Element:
    """Say which record goes on, in one that was merged."""
    if survivor is patient:
        return {}
    other = {"reference": f"Patient/{survivor.public_id}"}
    return {"link": [{"other": other, "type": "replaced-by"}]}


def _telecom(patient: Patient) -> list[Element]:
    known = (("phone", patient.phone), ("email", patient.email))
    return [{"system": system, "value": value} for system, value in known if value]


def _identifiers(patient: Patient) -> list[Element]:
    """Return the number that another system knows the patient by."""
    record = {"type": coded("Medical record number", IDENTIFIER_TYPES, "MR"), "value": patient.mrn}
    return [record] if patient.mrn else []


def _addresses(patient: Patient) -> list[Element]:
    known = filled(
        line=[patient.address_line] if patient.address_line else [],
        city=patient.city,
        state=patient.state,
        postalCode=patient.postal_code,
    )
    return [known] if known else []


def _contacts(patient: Patient) -> list[Element]:
    """Return whom to call in an emergency."""
    known = filled(
        name={"text": patient.emergency_name} if patient.emergency_name else {},
        telecom=[{"system": "phone", "value": patient.emergency_phone}] if patient.emergency_phone else [],
    )
    if not known:
        return []
    relation = patient.emergency_relation or "Emergency contact"
    return [{"relationship": [coded(relation, CONTACT_ROLES, "C")], **known}]


def _narrow(actor: Actor, name: str, value: str) -> ColumnElement[bool]:
    reached = sees(actor, "contact")
    if name != "name":
        found = _by_contact(name, value)
        if not reached:
            raise Forbidden(f"Your role does not see what {name} looks for; search by name")
        return found
    words = search_words(value)
    if not words:
        raise BadSearch("name: holds no word")
    return and_(*found_by(words, names_only=not reached))


def _by_contact(name: str, value: str) -> ColumnElement[bool]:
    if name == "birthdate":
        return values.any_of(Patient.birth_date, values.days(name, value))
    return func.lower(Patient.email) == value.lower()


ROWS = SearchableTable(
    Patient,
    (Patient.public_id,),
    _narrow,
    view,
    scope=(Patient.merged_into_id.is_(None), Patient.erased_at.is_(None)),
)
