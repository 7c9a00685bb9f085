"""The clinic's sites: where patients come. With one site only this page says so."""

from __future__ import annotations

from typing import Any

from flask import render_template, request
from werkzeug.wrappers import Response

from scheduler import clock
from scheduler.database import db
from scheduler.errors import Invalid, WrongStatus
from scheduler.models import site as models
from scheduler.services.clinic import sites as service
from scheduler.web.current import actor
from scheduler.web.local import read_number
from scheduler.web.settings.blueprint import bp, by_field, saved
from scheduler.web.shell import may

TOLD = ("name", "address", "phone")


@bp.get("/sites")
@may("settings")
def sites() -> str:
    return _page()


@bp.post("/sites")
@may("settings")
def add_site() -> Response | tuple[str, int]:
    try:
        service.create(db.session(), actor(), _fields(), clock.now())
    except Invalid as refusal:
        db.session.rollback()
        return _page(refusal), refusal.status
    return saved(".sites", "Added. Its chairs and rooms are added or moved under Chairs and rooms.")


@bp.post("/sites/<site_id>")
@may("settings")
def save_site(site_id: str) -> Response | tuple[str, int]:
    site = service.get(db.session(), actor().clinic, site_id)
    fields = _fields() | {"active": "active" in request.form}
    try:
        service.update(db.session(), actor(), site, fields, clock.now())
    except (Invalid, WrongStatus) as refusal:
        db.session.rollback()
        return _page(refusal, site_id), refusal.status
    return saved(".sites")


def _page(refusal: Invalid | WrongStatus | None = None, wrong: str = "") -> str:
    errors = {"active": refusal.words} if isinstance(refusal, WrongStatus) else by_field(refusal)
    return render_template(
        "settings/sites.html",
        sites=models.every(db.session(), actor().clinic.id),
        clinic=actor().clinic,
        values=request.form,
        errors=errors,
        wrong=wrong,
    )


def _fields() -> dict[str, Any]:
    form = request.form
    return {name: form.get(name, "") for name in TOLD} | {"rank": read_number(form.get("rank", "0"))}
