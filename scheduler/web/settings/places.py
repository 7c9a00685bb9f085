"""Chairs and rooms."""

from __future__ import annotations

from typing import Any

from flask import render_template, request
from werkzeug.wrappers import Response

from scheduler import clock
from scheduler.database import db
from scheduler.errors import Invalid
from scheduler.models import location as locations
from scheduler.services.clinic import places as service
from scheduler.services.clinic import sites
from scheduler.web.current import actor
from scheduler.web.local import read_number
from scheduler.web.settings.blueprint import bp, by_field, displaced_ahead, saved, saved_availability
from scheduler.web.shell import may


@bp.get("/places")
@may("settings")
def places() -> str:
    return _page()


@bp.post("/places")
@may("settings")
def add_place() -> Response | tuple[str, int]:
    fields = _fields() | {"kind": request.form.get("kind", "")}
    try:
        service.create_location(db.session(), actor(), fields, clock.now())
    except Invalid as refusal:
        db.session.rollback()
        return _page(refusal), refusal.status
    return saved(".places", "Added.")


@bp.post("/places/<place_id>")
@may("settings")
def save_place(place_id: str) -> Response | tuple[str, int]:
    place = service.get_location(db.session(), actor().clinic, place_id)
    fields, before = _fields() | {"active": "active" in request.form}, displaced_ahead()
    try:
        service.update_location(db.session(), actor(), place, fields, clock.now())
    except Invalid as refusal:
        db.session.rollback()
        return _page(refusal, place_id), refusal.status
    return saved_availability(".places", before)


def _page(refusal: Invalid | None = None, wrong: str = "") -> str:
    return render_template(
        "settings/places.html",
        places=locations.every(db.session(), actor().clinic.id),
        site_options=[(one.public_id, one.name) for one in sites.choices(db.session(), actor().clinic)],
        values=request.form,
        errors=by_field(refusal),
        wrong=wrong,
    )


def _fields() -> dict[str, Any]:
    form = request.form
    words = [word.strip() for word in form.get("capabilities", "").split(",") if word.strip()]
    rank = read_number(form.get("rank", "0"))
    fields = {"name": form.get("name", ""), "capabilities": words, "rank": rank}
    if "site" in form:
        fields["site"] = sites.get(db.session(), actor().clinic, form["site"])
    return fields
