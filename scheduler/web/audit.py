"""The audit trail as a page, and who saw or changed one patient's record. Reading either is noted in the trail.

Filters are sent by POST: what is typed may be a name, which stays out of addresses, histories and logs.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from flask import Blueprint, Response, render_template, request

from scheduler import clock
from scheduler.database import db
from scheduler.domain.localtime import day_bounds
from scheduler.domain.text import whole_number
from scheduler.errors import Invalid
from scheduler.http import access
from scheduler.services.patient import patients
from scheduler.services.trail import audit, audit_trail
from scheduler.services.trail.audit_trail import Wanted
from scheduler.transactions import only_reads
from scheduler.web.csv_files import csv_file
from scheduler.web.current import actor
from scheduler.web.local import read_date
from scheduler.web.settings.blueprint import by_field
from scheduler.web.shell import may

bp = Blueprint("audit", __name__)
SHOWN = 6  # events of an operation that are seen at once
FILTERS = ("who", "what", "where", "since", "until", "operation", "patient")
BY_ID = frozenset({"operation", "patient", "before"})  # what an address may hold


@bp.get("/audit")
@may("audit")
def index() -> str | tuple[str, int]:
    """Show operations, the latest first; all of them, one, or those of a patient."""
    return _page({name: request.args[name] for name in BY_ID & request.args.keys()})


@bp.post("/audit/found")
@may("audit")
@only_reads
def found() -> str | tuple[str, int]:
    """Show what the filters leave."""
    return _page(request.form)


def _page(given: Mapping[str, str]) -> str | tuple[str, int]:
    refusal, status = None, 200
    try:
        wanted = _wanted(given)
    except Invalid as error:
        wanted, refusal, status = Wanted(), error, error.status
    clinic = actor().clinic
    page = audit_trail.page(db.session(), clinic, wanted)
    shown = render_template(
        "audit/index.html",
        page=page,
        patient=wanted.patient,
        kinds=audit_trail.kinds(db.session(), clinic),
        actors=audit_trail.ACTORS,
        values={name: given[name] for name in FILTERS if given.get(name)},
        is_later="before" in given,
        errors=by_field(refusal),
        most=SHOWN,
    )
    access.note("audit.read", fields=wanted.names())
    return shown, status


@bp.post("/audit/export")
@may("audit")
def export() -> Response:
    """Stream what the filters leave as CSV."""
    wanted = _wanted(request.form)
    session = db.session()
    audit.record(session, actor(), "audit.exported", None, clock.now(), wanted.names())
    session.commit()
    return csv_file(
        session, audit_trail.csv_lines(session, actor().clinic, wanted, access.page_notes()), "audit.csv"
    )


@bp.get("/patients/<patient_id>/access", endpoint="access")
@may("audit")
def report(patient_id: str) -> str:
    """Show who saw or changed a patient's record, to be printed and handed out."""
    patient = patients.get(db.session(), actor().clinic, patient_id)
    people, lines = audit_trail.of_patient(db.session(), actor().clinic, patient)
    shown = render_template(
        "audit/access.html",
        patient=patient,
        people=people,
        lines=lines,
        now=clock.now(),
    )
    access.note("patient.access-reported", "Patient", patient.public_id)
    return shown


def _wanted(given: Mapping[str, str]) -> Wanted:
    """Read the filters. Raises Invalid naming a date or an id that is none; NotFound for another clinic's patient."""
    clinic = actor().clinic
    text = {
        name: given.get(name, "").strip()[:100] for name in ("who", "what", "where", "operation", "patient")
    }
    before = given.get("before", "")
    return Wanted(
        who=text["who"],
        what=text["what"],
        where=text["where"],
        operation=_operation(text["operation"]),
        patient=patients.get(db.session(), clinic, text["patient"]) if text["patient"] else None,
        since=_day(given, "since", 0),
        until=_day(given, "until", 1),
        before=whole_number(before, 18),
    )


def _day(given: Mapping[str, str], name: str, side: int) -> datetime | None:
    text = given.get(name, "").strip()
    return day_bounds(read_date(name, text), actor().clinic.zone)[side] if text else None


def _operation(text: str) -> str:
    try:
        return str(UUID(text)) if text else ""
    except ValueError:
        raise Invalid([("operation", "is not the number of an operation")]) from None
