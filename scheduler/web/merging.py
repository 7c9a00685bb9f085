"""Pages for records of one person: which may be, both side by side with what moves too, and the merger."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from scheduler import clock
from scheduler.database import db
from scheduler.errors import Invalid, Refusal
from scheduler.models.patient import Patient
from scheduler.services.patient import duplicates, merging, patients
from scheduler.services.patient.patient_search import look_up
from scheduler.transactions import only_reads
from scheduler.web.current import actor
from scheduler.web.shell import may

bp = Blueprint("merging", __name__)
FOUND = 12
LABELS = {
    "given_name": "First name",
    "family_name": "Last name",
    "preferred_name": "Preferred name",
    "pronunciation": "Pronunciation",
    "birth_date": "Date of birth",
    "phone": "Phone",
    "email": "Email",
    "email_ok": "OK to email details",
    "language": "Language",
    "interpreter": "Interpreter",
    "wheelchair": "Wheelchair",
    "alert_note": "Alert on every visit",
    "proxy_name": "Also notify",
    "preferences": "Preferred days and times",
    "pronouns": "Pronouns",
    "sex": "Sex",
    "address_line": "Address",
    "emergency_name": "Emergency contact",
    "mrn": "MRN",
    "insurance_payer": "Insurance",
    "deceased_on": "Date of death",
    "active": "Active patient",
}


@bp.get("/patients/duplicates")
@may("patients")
def index() -> str:
    """Every pair of the clinic that may be one person."""
    found = duplicates.of_clinic(db.session(), actor().clinic)
    return render_template("merging/index.html", found=found, most=duplicates.MOST)


@bp.route("/patients/<patient_id>/duplicates", methods=["GET", "POST"])
@may("patients")
@only_reads
def candidates(patient_id: str) -> str:
    """Whom to merge with this record: likely ones, and anybody who is searched for."""
    patient = _find(patient_id)
    text = request.form.get("search", "").strip()
    found = look_up(db.session(), actor().clinic, text, clock.now(), FOUND) if text else None
    return render_template(
        "merging/candidates.html",
        patient=patient,
        likely=duplicates.of_patient(db.session(), actor().clinic, patient),
        found=[one for one in (*found.exact, *found.similar) if one.id != patient.id] if found else [],
        search=text,
    )


@bp.get("/patients/<patient_id>/merger/<other_id>")
@may("patients")
def show(patient_id: str, other_id: str) -> str | Response:
    keep, other = _find(patient_id), _find(other_id)
    if keep.id == other.id:  # done already, maybe at another desk
        return redirect(url_for("patients.show", patient_id=keep.public_id), 303)
    return _page(keep, other)


@bp.post("/patients/<patient_id>/merger/<other_id>")
@may("patients")
def merge(patient_id: str, other_id: str) -> tuple[str, int] | Response:
    keep, other = _find(patient_id), _find(other_id)
    form, now = request.form, clock.now()
    versions = form.get("keep_version", type=int), form.get("other_version", type=int)
    try:
        if versions[0] is None or versions[1] is None:
            raise Invalid([("version", "is missing: compare both records first")])
        known = (versions[0], versions[1])
        reason = form.get("reason", "").strip()[:300]
        merging.merge(db.session(), actor(), keep, other, form, now, known, reason)
    except Refusal as refusal:
        db.session.rollback()
        keep, other = _find(patient_id), _find(other_id)
        if keep.id == other.id:
            return redirect(url_for("patients.show", patient_id=keep.public_id), 303)
        return _page(keep, other, refusal), refusal.status
    db.session.commit()
    flash(f"{keep.name}: records merged.")
    return redirect(url_for("patients.show", patient_id=keep.public_id), 303)


def _page(keep: Patient, other: Patient, refusal: Refusal | None = None) -> str:
    now = clock.now()
    planned = merging.plan_merger(db.session(), actor(), keep, other)
    ahead = [one for one in planned.visits if one.start_at > now]
    return render_template(
        "merging/show.html",
        merger=planned,
        labels=LABELS,
        ahead=len(ahead),
        before=len(planned.visits) - len(ahead),
        refusal=refusal,
        values=request.form,
    )


def _find(patient_id: str) -> Patient:
    return patients.get(db.session(), actor().clinic, patient_id)
