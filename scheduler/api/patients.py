"""Patients."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field
from sqlalchemy import select

from scheduler import clock
from scheduler.api.fields import At, Body, ClockTime, Day, Id, On, ReadOnly, TextLine, View, at
from scheduler.api.operations import Answer, call
from scheduler.api.paging import Paged, page
from scheduler.api.versions import check_match
from scheduler.api.withheld import Details, withhold
from scheduler.database import db
from scheduler.domain.folding import search_words
from scheduler.http import access
from scheduler.models.patient import Patient
from scheduler.services import private_links
from scheduler.services.account.permissions import sees
from scheduler.services.actors import Actor
from scheduler.services.course import ending
from scheduler.services.patient import patients
from scheduler.services.patient.patient_search import found_by

Weekday = Annotated[int, Field(ge=1, le=7, description="ISO weekday: Monday is 1.")]


class Preferences(Body):
    weekdays: list[Weekday] = Field(default=[], max_length=7)
    earliest: ClockTime | None = None
    latest: ClockTime | None = None
    note: Annotated[str, TextLine(300, lines=True)] = ""


class PatientView(View):
    """Nothing is sent to a patient with `deceased_on`, or to one who is not `active` (left the clinic).

    `withheld` names the fields that are empty here because the caller's role does not see them.
    """

    id: ReadOnly[Id]
    given_name: str
    family_name: str
    preferred_name: str
    pronunciation: str
    birth_date: On | None
    email: str | None
    phone: str
    language: str
    email_ok: bool
    email_ok_at: ReadOnly[At | None]
    email_bad_at: ReadOnly[At | None]
    unsubscribed_at: ReadOnly[At | None]
    proxy_name: str
    proxy_email: str | None
    alert_note: str
    interpreter: str
    wheelchair: bool
    pronouns: str
    sex: Literal["female", "male", "other", "unknown"] | None
    address_line: str
    city: str
    state: str
    postal_code: str
    emergency_name: str
    emergency_relation: str
    emergency_phone: str
    mrn: str
    insurance_payer: str
    insurance_member_id: str
    deceased_on: On | None
    active: bool
    preferences: dict[str, Any]
    created_at: ReadOnly[At]
    version: ReadOnly[int]
    withheld: ReadOnly[list[str]]


class PatientChange(Body, view=PatientView):
    """The fields to change; what is left out stays."""

    given_name: Annotated[str, TextLine(100, required=True)] = ""
    family_name: Annotated[str, TextLine(100)] = ""
    preferred_name: Annotated[str, TextLine(100)] = ""
    pronunciation: Annotated[str, TextLine(100)] = ""
    birth_date: Day | None = None
    email: Annotated[str, TextLine(254)] | None = None
    phone: Annotated[str, TextLine(40)] = ""
    language: Annotated[str, TextLine(8)] = "en"
    email_ok: bool = False
    proxy_name: Annotated[str, TextLine(200)] = ""
    proxy_email: Annotated[str, TextLine(254)] | None = None
    alert_note: Annotated[str, TextLine(300)] = ""
    interpreter: Annotated[str, TextLine(60)] = ""
    wheelchair: bool = False
    pronouns: Annotated[str, TextLine(40)] = ""
    sex: Literal["female", "male", "other", "unknown"] | None = None
    address_line: Annotated[str, TextLine(200)] = ""
    city: Annotated[str, TextLine(100)] = ""
    state: Annotated[str, TextLine(60)] = ""
    postal_code: Annotated[str, TextLine(20)] = ""
    emergency_name: Annotated[str, TextLine(200)] = ""
    emergency_relation: Annotated[str, TextLine(60)] = ""
    emergency_phone: Annotated[str, TextLine(40)] = ""
    mrn: Annotated[str, TextLine(40)] = ""
    insurance_payer: Annotated[str, TextLine(100)] = ""
    insurance_member_id: Annotated[str, TextLine(60)] = ""
    deceased_on: Day | None = None
    active: bool = True
    preferences: Preferences = Preferences()


class NewPatient(PatientChange):
    """A patient to add. A person with one name only has it as `given_name`."""

    given_name: Annotated[str, TextLine(100, required=True)]


CONTACT = (
    "address_line",
    "city",
    "state",
    "postal_code",
    "emergency_name",
    "emergency_relation",
    "emergency_phone",
    "mrn",
    "insurance_payer",
    "insurance_member_id",
)
DETAILS: Details = {
    "contact": {
        "birth_date": None,
        "email": None,
        "phone": "",
        "email_ok": False,
        "email_ok_at": None,
        "email_bad_at": None,
        "unsubscribed_at": None,
        "proxy_name": "",
        "proxy_email": None,
        **dict.fromkeys(CONTACT, ""),
    },
    "needs": {"interpreter": "", "wheelchair": False, "preferences": {}, "pronouns": "", "sex": None},
    "alert-note": {"alert_note": ""},
}


class PatientPage(View):
    items: list[PatientView]
    next_cursor: str | None


class PatientQuery(Paged):
    search: Annotated[str, TextLine(200)] = ""


class CancelAhead(Body):
    """`side` says who canceled. A patient with `deceased_on` or not `active` is not notified in any case."""

    reason: Annotated[str, TextLine(300, required=True)]
    side: Literal["patient", "clinic", "provider"] = "clinic"
    notify: bool = True


class CanceledAhead(View):
    """The visits that are canceled, the visits months ahead included."""

    appointment_ids: list[Id]


def view(patient: Patient) -> PatientView:
    """Return a patient as the API shows one."""
    access.touch(patient)
    same = {
        name: getattr(patient, name)
        for name in (
            "given_name",
            "family_name",
            "preferred_name",
            "pronunciation",
            "email",
            "phone",
            "language",
        )
    }
    named = ("proxy_name", "proxy_email", "alert_note", "interpreter", "pronouns", *CONTACT)
    more = {name: getattr(patient, name) for name in named}
    shown = PatientView(
        id=patient.public_id,
        birth_date=patient.birth_date.isoformat() if patient.birth_date else None,
        email_ok=patient.email_ok,
        email_ok_at=at(patient.email_ok_at) if patient.email_ok_at else None,
        email_bad_at=at(patient.email_bad_at) if patient.email_bad_at else None,
        unsubscribed_at=at(patient.unsubscribed_at) if patient.unsubscribed_at else None,
        wheelchair=patient.wheelchair,
        sex=patient.sex.value if patient.sex else None,
        deceased_on=patient.deceased_on.isoformat() if patient.deceased_on else None,
        active=patient.active,
        preferences=dict(patient.preferences),
        created_at=at(patient.created_at),
        version=patient.row_version,
        withheld=[],
        **same,
        **more,
    )
    return withhold(shown, DETAILS)


@call("POST", "/patients", may="patients", body=NewPatient, gives=PatientView, status=201)
def create_patient(actor: Actor, body: NewPatient) -> Answer:
    """Add a patient."""
    patient = patients.create(db.session(), actor, _given(body), clock.now())
    return _answer(patient)


@call("GET", "/patients", may="view", query=PatientQuery, gives=PatientPage)
def list_patients(actor: Actor, query: PatientQuery) -> Answer:
    """List patients by family name.

    `search` looks for every word in names, phone, birth date and mail address, without regard to case and accents;
    for a role that sees no contact details, in names alone.
    """
    rows = select(Patient).where(
        Patient.clinic_id == actor.clinic.id, Patient.merged_into_id.is_(None), Patient.erased_at.is_(None)
    )
    rows = rows.where(*found_by(search_words(query.search), names_only=not sees(actor, "contact")))
    order = (Patient.family_name, Patient.given_name, Patient.public_id)
    found, cursor = page(
        db.session(), rows, query, order, lambda row: (row.family_name, row.given_name, row.public_id)
    )
    return Answer(PatientPage(items=[view(row) for row in found], next_cursor=cursor))


@call("GET", "/patients/<patient_id>", may="view", gives=PatientView, versioned=True)
def get_patient(actor: Actor, patient_id: str) -> Answer:
    """Show a patient. Reading a record is noted in the audit trail."""
    patient = patients.get(db.session(), actor.clinic, patient_id)
    return _answer(patient)


@call(
    "PATCH", "/patients/<patient_id>", may="patients", body=PatientChange, gives=PatientView, versioned=True
)
def change_patient(actor: Actor, body: PatientChange, patient_id: str) -> Answer:
    """Change the fields that are given.

    Replacing or removing `email` or `proxy_email` ends the patient's private links and calendar links.
    """
    patient = patients.get(db.session(), actor.clinic, patient_id)
    check_match(patient)
    return _answer(patients.update(db.session(), actor, patient, _given(body), clock.now()))


@call("POST", "/patients/<patient_id>/cancellation", may="cancel", body=CancelAhead, gives=CanceledAhead)
def cancel_patient_visits(actor: Actor, body: CancelAhead, patient_id: str) -> Answer:
    """Stop every open course of the patient and cancel every visit that has not begun."""
    patient = patients.get(db.session(), actor.clinic, patient_id)
    gone = ending.cancel_ahead(
        db.session(), actor, patient, clock.now(), body.reason, body.side, notify=body.notify
    )
    return Answer(CanceledAhead(appointment_ids=[one.public_id for one in gone]))


@call("DELETE", "/patients/<patient_id>/links", may="patients", status=204)
def end_patient_links(actor: Actor, patient_id: str) -> Answer:
    """End every private link and calendar link of a patient: they answer 410. The next mail carries a new link."""
    patient = patients.get(db.session(), actor.clinic, patient_id)
    private_links.end_all(db.session(), actor, patient, clock.now())
    return Answer(None)


def _given(body: PatientChange) -> dict[str, Any]:
    fields = {name: getattr(body, name) for name in body.model_fields_set}
    if "preferences" in fields:
        wished = body.preferences
        fields["preferences"] = {name: getattr(wished, name) for name in wished.model_fields_set}
    return fields


def _answer(patient: Patient) -> Answer:
    return Answer(view(patient), patient.row_version, f"/api/v1/patients/{patient.public_id}")
