"""Notes of staff about patients and visits: written and marked as mistakes. The pages of both show them."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, request, url_for
from werkzeug.wrappers import Response

from scheduler import clock
from scheduler.database import db
from scheduler.errors import Invalid, NotFound
from scheduler.models import appointment as appointments
from scheduler.models.appointment import Appointment
from scheduler.services.patient import notes, patients
from scheduler.web.current import actor
from scheduler.web.refusals import is_partial
from scheduler.web.shell import may

bp = Blueprint("notes", __name__)


@bp.post("/patients/<patient_id>/notes")
@may("notes")
def add(patient_id: str) -> Response:
    """Write a note about a patient, or about the visit that the form names."""
    patient = patients.get(db.session(), actor().clinic, patient_id)
    visit_id = request.form.get("appointment_id", "")
    visit = appointments.by_public_id(db.session(), actor().clinic.id, visit_id) if visit_id else None
    if visit_id and visit is None:
        raise NotFound
    try:
        notes.add(db.session(), actor(), patient, request.form.get("text", ""), clock.now(), visit)
    except Invalid as refusal:
        db.session.rollback()
        flash(f"The note was not saved: {refusal.words}.", "error")
    else:
        db.session.commit()
    return _back(patient_id, visit)


@bp.post("/notes/<note_id>/mistake")
@may("notes")
def strike(note_id: str) -> Response:
    """Leave a note out from now on; the patient's record keeps it as a mistake."""
    note = notes.find(db.session(), actor(), note_id)
    patient_id, visit = note.patient.public_id, note.appointment
    notes.strike(db.session(), actor(), note, clock.now())
    db.session.commit()
    flash("Note marked as a mistake.")
    return _back(patient_id, visit)


def _back(patient_id: str, visit: Appointment | None) -> Response:
    if visit is None:
        return redirect(url_for("patients.show", patient_id=patient_id, _anchor="notes"), 303)
    view = "visits.panel" if is_partial() else "visits.show"
    return redirect(url_for(view, visit_id=visit.public_id, _anchor=None if is_partial() else "notes"), 303)
