"""Notes of staff about a patient or a visit, and what came of calls."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from scheduler.domain.identity import CallOutcome
from scheduler.domain.text import BadText, clean_note
from scheduler.errors import Invalid, NotFound, WrongStatus
from scheduler.models import patient_note
from scheduler.models.appointment import Appointment
from scheduler.models.patient import Patient
from scheduler.models.patient_note import PatientNote
from scheduler.services.actors import Actor
from scheduler.services.mail import call_list
from scheduler.services.trail import audit

LONGEST = 2000  # characters


def add(
    session: Session,
    actor: Actor,
    patient: Patient,
    text: str,
    now: datetime,
    appointment: Appointment | None = None,
) -> PatientNote:
    """Write a note about a patient, or about one of their visits. Raises Invalid without a text."""
    if appointment is not None and appointment.patient_id != patient.id:
        raise Invalid([("appointment_id", "is a visit of another patient")])
    return _write(session, actor, patient, _checked(text, required=True), now, appointment, None)


def log_call(
    session: Session,
    actor: Actor,
    patient: Patient,
    outcome: CallOutcome,
    text: str,
    now: datetime,
    appointment: Appointment | None = None,
) -> PatientNote:
    """Note how a call ended. A patient who was reached, or got a message, leaves the call list."""
    note = _write(session, actor, patient, _checked(text, required=False), now, appointment, outcome)
    if outcome.informs:
        call_list.settle(session, actor, patient, now)
    return note


def strike(session: Session, actor: Actor, note: PatientNote, now: datetime) -> PatientNote:
    """Mark a note as a mistake. Raises WrongStatus when it is marked already."""
    if note.struck_at is not None:
        raise WrongStatus("This note is marked as a mistake already")
    note.struck_at = now
    audit.record(session, actor, "patient.note-struck", note.patient, now)
    session.flush()
    return note


def find(session: Session, actor: Actor, public_id: str) -> PatientNote:
    """Return a note of the actor's clinic. Raises NotFound."""
    note = patient_note.by_public_id(session, actor.clinic.id, public_id)
    if note is None:
        raise NotFound
    return note


def _write(
    session: Session,
    actor: Actor,
    patient: Patient,
    text: str,
    now: datetime,
    appointment: Appointment | None,
    outcome: CallOutcome | None,
) -> PatientNote:
    note = PatientNote(
        clinic_id=actor.clinic.id,
        patient=patient,
        appointment=appointment,
        call_outcome=outcome,
        text=text,
        created_at=now,
        created_by_id=actor.user_id,
    )
    session.add(note)
    session.flush()
    event, field = ("call-logged", "call_outcome") if outcome else ("note-added", "text")
    audit.record(session, actor, f"patient.{event}", patient, now, [field])
    return note


def _checked(text: str, *, required: bool) -> str:
    try:
        return clean_note("text", text, LONGEST, required=required)
    except BadText as fault:
        raise Invalid([(fault.field, fault.reason)]) from None
