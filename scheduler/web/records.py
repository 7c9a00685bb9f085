"""A patient's whole record: handed out, and made anonymous. Both are rare, and both stand in the audit trail."""

from __future__ import annotations

import json

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from scheduler import clock
from scheduler.database import db, empty_log
from scheduler.errors import Invalid, Refusal
from scheduler.models.patient import Patient
from scheduler.services.patient import erasure, patient_record, patients
from scheduler.services.transfer import exports_print
from scheduler.web.current import actor
from scheduler.web.shell import may

bp = Blueprint("records", __name__)


@bp.get("/patients/<patient_id>/record")
@may("records")
def show(patient_id: str) -> str:
    return _page(_find(patient_id))


@bp.post("/patients/<patient_id>/record/export")
@may("records")
def export(patient_id: str) -> Response:
    """Hand out everything that is kept, as JSON or as a page to print."""
    patient = _find(patient_id)
    record = patient_record.export(db.session(), actor(), patient, clock.now())
    if request.form.get("format") == "page":
        body, kind, ending = exports_print.page(record), "text/html", "html"
    else:
        body, kind, ending = json.dumps(record, ensure_ascii=False, indent=1), "application/json", "json"
    db.session.commit()
    name = f"record-{patient.public_id}.{ending}"  # no name in it: files are passed on
    return Response(
        body,
        content_type=f"{kind}; charset=utf-8",
        headers={"Content-Disposition": f"attachment; filename={name}"},
    )


@bp.post("/patients/<patient_id>/record/erasure")
@may("records")
def erase(patient_id: str) -> AnyResponse | tuple[str, int]:
    """Make the record anonymous, once the patient's last name (or only name) has been typed as well."""
    patient = _find(patient_id)
    try:
        if request.form.get("name", "").strip().casefold() != patient.last_name.casefold():
            raise Invalid([("name", "is not the last name of this patient")])
        erasure.erase(db.session(), actor(), patient, request.form.get("reason", ""), clock.now())
    except Refusal as refusal:
        return _page(patient, refusal), refusal.status
    db.session.commit()
    empty_log(db.engine)
    flash("Record anonymized. Its visits still count in reports.")
    return redirect(url_for("patients.index"), 303)


def _find(patient_id: str) -> Patient:
    return patients.get(db.session(), actor().clinic, patient_id)


def _page(patient: Patient, refusal: Refusal | None = None) -> str:
    told = refusal.details.get("errors", []) if refusal else []
    errors = {error["field"]: error["reason"] for error in told}
    return render_template(
        "records/show.html",
        patient=patient,
        errors=errors,
        refusal=refusal if refusal and not errors else None,
        reason=request.form.get("reason", ""),
        years=actor().clinic.settings.retention_years,
    )
