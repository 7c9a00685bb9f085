"""Patients: added and changed; patient_search.py finds them.

Every change raises `row_version`; a caller that says which version it saw is refused when another user was faster.
Agreeing to unencrypted mail is recorded with its time and the wording that was agreed to.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from scheduler.domain.folding import search_key
from scheduler.errors import Invalid, NotFound
from scheduler.models import patient as patients
from scheduler.models import versions
from scheduler.models.allocation import Allocation
from scheduler.models.appointment import Appointment, Participant
from scheduler.models.clinic import Clinic
from scheduler.models.location import Location
from scheduler.models.patient import Patient
from scheduler.models.practitioner import Practitioner
from scheduler.models.resource import Resource, ResourceKind
from scheduler.services import private_links
from scheduler.services.actors import Actor
from scheduler.services.history import relabelled
from scheduler.services.patient.patient_fields import checked
from scheduler.services.row_versions import check_version
from scheduler.services.trail import audit

MAIL_WORDING = "unencrypted-mail-1"  # names the wording in the patient form; a new wording gets a new name
CALLED_BY = {"given_name", "family_name", "preferred_name", "language"}  # what calendars call the visits by
ADDRESSES = {"email", "proxy_email"}  # mail to them has links to the private page


def create(session: Session, actor: Actor, fields: Mapping[str, Any], now: datetime) -> Patient:
    """Add a patient to the actor's clinic. Raises Invalid naming each field."""
    values = checked(fields, now.astimezone(actor.clinic.zone).date())
    if "given_name" not in values:
        raise Invalid([("given_name", "is missing")])
    patient = new(actor.clinic.id, values, now)
    session.add(patient)
    session.flush()
    audit.record(session, actor, "patient.created", patient, now, fields=values)
    return patient


def new(clinic_id: int, values: Mapping[str, Any], now: datetime) -> Patient:
    """Return a patient with checked values, who is in no session yet."""
    patient = Patient(
        clinic_id=clinic_id,
        resource=Resource(clinic_id=clinic_id, kind=ResourceKind.PATIENT, units=1),
        created_at=now,
        row_version=1,
    )
    _apply(patient, values, now)
    return patient


def update(
    session: Session,
    actor: Actor,
    patient: Patient,
    fields: Mapping[str, Any],
    now: datetime,
    expected_version: int | None = None,
) -> Patient:
    """Change the fields that are given. Raises Invalid, and Stale when `expected_version` is not the present one.

    Replacing or removing an address ends the links that were sent to it, unless the patient confirmed the new one. All
    links end when the patient died or left.
    """
    check_version(session, patient, expected_version)
    values = checked(fields, now.astimezone(actor.clinic.zone).date())
    changed = {name: value for name, value in values.items() if getattr(patient, name) != value}
    if not changed:
        return patient
    shown = CALLED_BY & changed.keys()
    readdressed = any(getattr(patient, name) for name in ADDRESSES & changed.keys())
    notified = patient.may_be_notified
    _apply(patient, changed, now, former_keys(session, patient))
    gone = notified and not patient.may_be_notified
    patient.row_version += 1
    audit.record(session, actor, "patient.changed", patient, now, fields=changed)
    if shown:
        relabelled(session, patient.clinic_id, Appointment.patient_id == patient.id, now)
        versions.raise_versions(session, patient.clinic_id, shown_in(session, patient), now)
    if gone or (readdressed and actor.name != "patient"):
        private_links.end_all(session, actor, patient, now)
    session.flush()
    return patient


def get(session: Session, clinic: Clinic, public_id: str) -> Patient:
    """Return the clinic's patient with this id; that of a merged record leads to the one that goes on.

    Raises NotFound, also for a record that was made anonymous.
    """
    patient = patients.by_public_id(session, clinic.id, public_id)
    if patient is None:
        raise NotFound
    patient = patients.surviving(session, patient)
    if patient.erased_at is not None:
        raise NotFound
    return patient


def split_name(text: str) -> dict[str, str]:
    """Split a typed name into given and family name; a single word is the given name."""
    given, _, family = text.strip()[:200].rpartition(" ")
    return {"given_name": given or family, "family_name": family if given else ""}


def trust_address(session: Session, actor: Actor, patient: Patient, now: datetime) -> None:
    """Write to the patient's address again, though mail to it came back; nothing happens if none did."""
    if patient.email_bad_at is not None:
        patient.email_bad_at = None
        patient.row_version += 1
        audit.record(session, actor, "patient.updated", patient, now, ["email_bad_at"])
        session.flush()


def _apply(patient: Patient, values: Mapping[str, Any], now: datetime, former: Iterable[str] = ()) -> None:
    if "email" in values:
        patient.email_bad_at = None
    if values.get("email_ok") and not patient.email_ok:
        patient.email_ok_at, patient.email_ok_wording = now, MAIL_WORDING
    for name, value in values.items():
        setattr(patient, name, value)
    renew_search_key(patient, former)


def renew_search_key(patient: Patient, former: Iterable[str] = ()) -> None:
    """Let the desk's search find the patient by what stands there now, and by the keys of `former` records."""
    names = (
        patient.given_name,
        patient.family_name or "",
        patient.preferred_name or "",
        patient.pronunciation or "",
    )
    phone, email = patient.phone or "", patient.email or ""
    numbers = (patient.mrn or "", patient.insurance_member_id or "")
    patient.search_key = search_key(names, phone, email, patient.birth_date, former, numbers)


def former_keys(session: Session, patient: Patient) -> list[str]:
    """Return the search keys of the records that were merged into this one."""
    query = select(Patient.search_key).where(
        Patient.clinic_id == patient.clinic_id, Patient.merged_into_id == patient.id
    )
    return list(session.scalars(query.order_by(Patient.id)))


def shown_in(session: Session, patient: Patient) -> set[int]:
    """Return the resources whose feeds may show the patient's initials, also of visits they left, and the patient."""
    of_patient = Appointment.patient_id == patient.id
    places = select(Location.resource_id).join(Appointment, Appointment.location_id == Location.id)
    people = (
        select(Practitioner.resource_id)
        .join(Participant, Participant.practitioner_id == Practitioner.id)
        .join(Appointment, Appointment.id == Participant.appointment_id)
    )
    left = select(Allocation.resource_id).join(Appointment, Appointment.id == Allocation.appointment_id)
    found = session.scalars(places.where(of_patient).union(people.where(of_patient), left.where(of_patient)))
    return {patient.resource_id, *found}
