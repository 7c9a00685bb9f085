"""Pages of patients: find, add, read, change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from scheduler import clock
from scheduler.database import db
from scheduler.domain.status import CarePlanStatus
from scheduler.errors import Invalid
from scheduler.models import appointment as appointments
from scheduler.models import care_plan as care_plans
from scheduler.models import patient_note
from scheduler.models.patient import Patient
from scheduler.services import private_links
from scheduler.services.account.permissions import sees
from scheduler.services.course import ending
from scheduler.services.feed import feeds
from scheduler.services.patient import address_changes, duplicates, fresh_links, patients
from scheduler.services.patient.patient_search import look_up
from scheduler.services.planning.courses import missing_steps
from scheduler.services.visit import visit_story
from scheduler.transactions import only_reads
from scheduler.web.current import actor
from scheduler.web.shell import may

bp = Blueprint("patients", __name__)
FOUND = 50
TEXTS = (
    "given_name", "family_name", "preferred_name", "pronunciation", "birth_date", "email", "phone",
    "language", "proxy_name", "proxy_email", "alert_note", "interpreter", "deceased_on",
    "pronouns", "sex", "address_line", "city", "state", "postal_code", "emergency_name", "emergency_relation",
    "emergency_phone", "mrn", "insurance_payer", "insurance_member_id",
)  # fmt: skip


@bp.get("/patients")
@may("view")
def index() -> str:
    return _list("")


@bp.post("/patients/found")
@may("view")
@only_reads
def found() -> str:
    """The list for what was typed, which by POST stays out of addresses, histories and logs."""
    return _list(request.form.get("search", ""))


def _list(text: str) -> str:
    found = look_up(db.session(), actor().clinic, text, clock.now(), FOUND, names_only=_names_only())
    return render_template("patients/index.html", found=found, search=text, most=FOUND)


@bp.post("/patients/finds")
@may("view")
@only_reads
def finds() -> str:
    """The list under the search field."""
    text = request.form.get("search", "").strip()
    found = text and look_up(db.session(), actor().clinic, text, clock.now(), 8, names_only=_names_only())
    return render_template("patients/_finds.html", found=found, search=text)


@bp.route("/patients/new", methods=["GET", "POST"])
@may("patients")
@only_reads
def new() -> str:
    """The empty form; by POST with the name that was searched for, which is to be in no address."""
    return _form(None, {"language": "en", **patients.split_name(request.form.get("name", ""))})


@bp.post("/patients")
@may("patients")
def create() -> str | tuple[str, int] | Response:
    fields = _fields(request.form)
    try:
        patient = patients.create(db.session(), actor(), fields, clock.now())
    except Invalid as refusal:
        return _form(None, request.form, refusal), refusal.status
    if "another" not in request.form and (
        known := duplicates.same_person(db.session(), actor().clinic, patient)
    ):
        page = _form(None, request.form, known=known)
        db.session.rollback()
        return page, 409
    db.session.commit()
    flash(f"Patient added: {patient.name}.")
    if request.form.get("then") == "book":
        return redirect(url_for("booking.new", patient=patient.public_id), 303)
    return redirect(url_for(".show", patient_id=patient.public_id), 303)


@bp.get("/patients/<patient_id>")
@may("view")
def show(patient_id: str) -> str | Response:
    patient = patients.get(db.session(), actor().clinic, patient_id)
    if patient.public_id != patient_id:  # merged: one address for one person
        return redirect(url_for(".show", patient_id=patient.public_id), 308)
    now = clock.now()
    courses = care_plans.of_patient(db.session(), patient)
    running = [course for course in courses if course.status is CarePlanStatus.ACTIVE]
    return render_template(
        "patients/show.html",
        patient=patient,
        courses=courses,
        missing=[pair for course in running for pair in missing_steps(course)],
        visits=appointments.of_patient(db.session(), patient),
        record=visit_story.record_of(db.session(), patient, now),
        feeds=feeds.of_resource(db.session(), patient.clinic_id, patient.resource_id),
        addresses=address_changes.of_patient(db.session(), patient, now),
        notes=patient_note.of_patient(db.session(), patient) if sees(actor(), "notes") else [],
        now=now,
    )


@bp.get("/patients/<patient_id>/edit")
@may("patients")
def edit(patient_id: str) -> str:
    patient = patients.get(db.session(), actor().clinic, patient_id)
    return _form(patient, {})


@bp.post("/patients/<patient_id>")
@may("patients")
def update(patient_id: str) -> tuple[str, int] | Response:
    patient = patients.get(db.session(), actor().clinic, patient_id)
    version = request.form.get("row_version", type=int)
    try:
        patients.update(db.session(), actor(), patient, _fields(request.form), clock.now(), version)
    except Invalid as refusal:
        return _form(patient, request.form, refusal), refusal.status
    db.session.commit()
    flash("Saved.")
    return redirect(url_for(".show", patient_id=patient.public_id), 303)


@bp.post("/patients/<patient_id>/address/works")
@may("patients")
def trust_address(patient_id: str) -> Response:
    """Write to an address again to which mail was not delivered."""
    patient = patients.get(db.session(), actor().clinic, patient_id)
    patients.trust_address(db.session(), actor(), patient, clock.now())
    db.session.commit()
    flash("Email goes to this address again.")
    return redirect(url_for(".show", patient_id=patient.public_id), 303)


@bp.post("/patients/<patient_id>/links/end")
@may("patients")
def end_links(patient_id: str) -> Response:
    """End every private link and calendar link of a patient."""
    patient = patients.get(db.session(), actor().clinic, patient_id)
    private_links.end_all(db.session(), actor(), patient, clock.now())
    db.session.commit()
    flash("All private links and calendar links of this patient have ended.")
    return redirect(url_for(".show", patient_id=patient.public_id), 303)


@bp.post("/patients/<patient_id>/links")
@may("patients")
def send_link(patient_id: str) -> Response:
    """Mail the patient a fresh link to their private page."""
    patient = patients.get(db.session(), actor().clinic, patient_id)
    if patient.email:
        fresh_links.enqueue(db.session(), patient, "patient", clock.now())
        db.session.commit()
        flash("A new link was sent.")
    else:
        flash("This patient has no email address.", "error")
    return redirect(url_for(".show", patient_id=patient.public_id), 303)


@bp.post("/patients/<patient_id>/cancellation")
@may("cancel")
def cancel_ahead(patient_id: str) -> Response:
    """Stop the courses of a patient who died or left, and cancel the visits ahead."""
    patient = patients.get(db.session(), actor().clinic, patient_id)
    reason = request.form.get("reason", "").strip()[:300]
    try:
        gone = ending.cancel_ahead(db.session(), actor(), patient, clock.now(), reason, notify=False)
    except Invalid:
        db.session.rollback()
        flash("Give a reason: nothing was canceled.", "error")
    else:
        db.session.commit()
        flash(
            f"{len(gone)} upcoming {'visit' if len(gone) == 1 else 'visits'} canceled. No one was notified."
        )
    return redirect(url_for(".show", patient_id=patient_id), 303)


def _names_only() -> bool:
    return not sees(actor(), "contact")


def _form(
    patient: Patient | None,
    values: Mapping[str, Any],
    refusal: Invalid | None = None,
    known: Sequence[Patient] = (),
) -> str:
    errors = {error["field"]: error["reason"] for error in refusal.details["errors"]} if refusal else {}
    shown = {name: getattr(patient, name) for name in TEXTS} if patient else {}
    return render_template(
        "patients/form.html",
        patient=patient,
        values={**shown, **values},
        errors=errors,
        known=known,
        sent=bool(refusal or known),
    )


def _fields(form: Mapping[str, str]) -> dict[str, Any]:
    fields: dict[str, Any] = {name: form[name].strip() for name in TEXTS if name in form}
    flags = {name: name in form for name in ("email_ok", "wheelchair")}
    return fields | flags | ({"active": "left" not in form} if "deceased_on" in form else {})
