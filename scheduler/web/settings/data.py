"""What a clinic's data needs: how long records are kept, and tables to take out."""

from __future__ import annotations

from datetime import timedelta

from flask import Response, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from scheduler import clock
from scheduler.database import db
from scheduler.domain.localtime import day_bounds, local_on
from scheduler.errors import Invalid
from scheduler.http import access
from scheduler.services.mail import settings_changes
from scheduler.services.patient import erasure
from scheduler.services.trail import audit
from scheduler.services.transfer import exports
from scheduler.web.csv_files import csv_file
from scheduler.web.current import actor
from scheduler.web.local import read_date, read_number
from scheduler.web.settings.blueprint import bp, by_field, saved
from scheduler.web.shell import may

TABLES = {"appointments": exports.appointments, "messages": exports.messages}
MONTH = timedelta(days=30)


@bp.get("/data")
@may("records")
def data() -> str:
    return _page()


@bp.post("/data")
@may("records")
def save_data() -> AnyResponse | tuple[str, int]:
    years = read_number(request.form.get("retention_years", ""), 3)
    try:
        settings_changes.change(db.session(), actor(), {"retention_years": years}, clock.now())
    except Invalid as refusal:
        db.session.rollback()
        return _page(refusal), refusal.status
    return saved(".data")


@bp.post("/data/export")
@may("records")
def export_data() -> Response | tuple[str, int]:
    """Stream a table of some days as CSV, so that a year of visits needs no memory."""
    who, name = actor(), request.form.get("table", "")
    try:
        first, last = (read_date(field, request.form.get(field, "")) for field in ("first", "last"))
        if name not in TABLES:
            raise Invalid([("table", f"must be one of {', '.join(TABLES)}")])
        if last < first:
            raise Invalid([("last", "is before the first day")])
    except Invalid as refusal:
        return _page(refusal), refusal.status
    audit.record(db.session(), who, f"{name}.exported", None, clock.now())
    db.session.commit()
    clinic = who.clinic
    start, after = day_bounds(first, clinic.zone)[0], day_bounds(last, clinic.zone)[1]
    session = db.session()
    return csv_file(
        session,
        TABLES[name](session, clinic, start, after, access.page_notes()),
        f"{name}-{first}-{last}.csv",
    )


def _page(refusal: Invalid | None = None) -> str:
    clinic, now = actor().clinic, clock.now()
    today = local_on(now, clinic.zone)
    values = {"retention_years": clinic.settings.retention_years, "first": today - MONTH, "last": today}
    return render_template(
        "settings/data.html",
        values=values | (request.form.to_dict() if refusal else {}),
        errors=by_field(refusal),
        due=len(erasure.due(db.session(), clinic, now, 1000)),
    )
