"""Practitioners: their roles, how many visits they attend to at once, whether they work here."""

from __future__ import annotations

from typing import Any

from flask import render_template, request
from werkzeug.wrappers import Response

from scheduler import clock
from scheduler.database import db
from scheduler.errors import Invalid
from scheduler.models import practitioner as practitioners
from scheduler.services.clinic import places as service
from scheduler.web.current import actor
from scheduler.web.local import read_number
from scheduler.web.settings.blueprint import bp, by_field, displaced_ahead, saved, saved_availability
from scheduler.web.shell import may


@bp.get("/people")
@may("people")
def people() -> str:
    return _page()


@bp.post("/people")
@may("people")
def add_person() -> Response | tuple[str, int]:
    try:
        service.create_practitioner(db.session(), actor(), _fields(), clock.now())
    except Invalid as refusal:
        db.session.rollback()
        return _page(refusal), refusal.status
    return saved(".people", "Added.")


@bp.post("/people/<person_id>")
@may("people")
def save_person(person_id: str) -> Response | tuple[str, int]:
    person = service.get_practitioner(db.session(), actor().clinic, person_id)
    fields, before = _fields() | {"active": "active" in request.form}, displaced_ahead()
    try:
        service.update_practitioner(db.session(), actor(), person, fields, clock.now())
    except Invalid as refusal:
        db.session.rollback()
        return _page(refusal, person_id), refusal.status
    return saved_availability(".people", before)


def _page(refusal: Invalid | None = None, wrong: str = "") -> str:
    return render_template(
        "settings/people.html",
        people=practitioners.every(db.session(), actor().clinic.id),
        ratio=actor().clinic.settings.nurse_units,
        values=request.form,
        errors=by_field(refusal),
        wrong=wrong,
    )


def _fields() -> dict[str, Any]:
    form = request.form
    units = form.get("units", "")
    return {
        "name": form.get("name", ""),
        "roles": form.getlist("roles"),
        "units": read_number(units) if units else None,
        "rank": read_number(form.get("rank", "0")),
    }
