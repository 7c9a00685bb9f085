"""Patients from a file: sent here, checked and written by the worker, looked at until it is over."""

from __future__ import annotations

from enum import StrEnum

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from scheduler import clock
from scheduler.database import db
from scheduler.domain.file_dates import DateOrder
from scheduler.errors import Invalid
from scheduler.services import jobs, signs_of_life
from scheduler.services.transfer import import_jobs, imports_csv
from scheduler.services.transfer.imports import ImportRefused
from scheduler.services.transfer.imports_patients import Duplicates
from scheduler.transactions import reads_first, write_now
from scheduler.web.current import actor
from scheduler.web.settings.blueprint import bp, by_field
from scheduler.web.shell import may

LONGEST_FILE = 20_000_000  # bytes
MOST_SHOWN = 200  # faults
FORMATS = {
    ".csv": "csv",
    ".txt": "csv",
    ".tsv": "csv",
    ".json": "fhir",
    ".ndjson": "fhir",
    ".jsonl": "fhir",
}


@bp.get("/imports")
@may("settings")
def imports() -> str:
    return _page()


@bp.post("/imports")
@may("settings")
@reads_first
def ask_import() -> Response | tuple[str, int]:
    form = request.form
    try:
        asked = {
            **_file(),
            "dates": _chosen(DateOrder, "dates"),
            "duplicates": _chosen(Duplicates, "duplicates"),
            "dry_run": "dry_run" in form,
        }
    except Invalid as refusal:
        db.session.rollback()
        return _page(refusal), refusal.status
    write_now()  # the file is here: no one waits while it comes
    job = jobs.ask(db.session(), actor(), import_jobs.KIND, asked, clock.now())
    db.session.commit()
    return redirect(url_for(".import_job", job_id=job.public_id), 303)


@bp.get("/imports/<job_id>")
@may("settings")
def import_job(job_id: str) -> str:
    job = jobs.get(db.session(), actor().clinic, job_id)
    faults = (job.problem or {}).get("faults", [])
    return render_template(
        "settings/import_job.html",
        job=job,
        faults=faults[:MOST_SHOWN],
        more=max(len(faults) - MOST_SHOWN, 0),
        alone=signs_of_life.is_worker_gone(db.session(), clock.now()),
    )


def _page(refusal: Invalid | None = None) -> str:
    rows = jobs.recent(db.session(), actor().clinic, import_jobs.KIND)
    return render_template(
        "settings/imports.html",
        rows=rows,
        values=request.form if refusal else {},
        errors=by_field(refusal),
        alone=signs_of_life.is_worker_gone(db.session(), clock.now()),
    )


def _chosen(kind: type[StrEnum], name: str) -> str:
    """Return the choice of a field, its first one if there is none. Raises Invalid."""
    value = request.form.get(name) or next(iter(kind)).value
    if value not in list(kind):
        raise Invalid([(name, "is not a choice")])
    return value


def _file() -> dict[str, str]:
    """Return the file that was sent, as the job takes it. Raises Invalid."""
    sent = request.files.get("file")
    name = (sent.filename or "").lower() if sent else ""
    kind = next((kind for ending, kind in FORMATS.items() if name.endswith(ending)), None)
    if sent is None or not name:
        raise Invalid([("file", "is missing")])
    if kind is None:
        raise Invalid([("file", "must be a table (.csv) or FHIR (.json, .ndjson)")])
    content = sent.stream.read(LONGEST_FILE + 1)
    if len(content) > LONGEST_FILE:
        raise Invalid([("file", f"is larger than {LONGEST_FILE // 1_000_000} MB")])
    try:
        text = imports_csv.decoded(content)
    except ImportRefused as refused:
        raise Invalid([("file", f"line {one.place} {one.reason}") for one in refused.faults]) from None
    if not text.strip() or "\0" in text:
        raise Invalid([("file", "is empty" if "\0" not in text else "is not text")])
    return {"format": kind, "content": text}
