"""The way into the settings: what there is, and what a new clinic still lacks."""

from __future__ import annotations

from flask import render_template

from scheduler.database import db
from scheduler.models import location as locations
from scheduler.models import plan_definition as definitions
from scheduler.models import practitioner as practitioners
from scheduler.models.schedule import hours
from scheduler.services.patient.patient_search import search
from scheduler.web.current import actor
from scheduler.web.settings.blueprint import bp
from scheduler.web.shell import may


@bp.get("")
@may("settings")
def index() -> str:
    clinic = actor().clinic
    return render_template(
        "settings/index.html",
        clinic=clinic,
        hours=hours(db.session(), clinic.id, None),
        places=locations.active(db.session(), clinic.id),
        people=practitioners.active(db.session(), clinic.id),
        patients=bool(search(db.session(), clinic, "", limit=1)),
        plans=definitions.all_current(db.session(), clinic.id),
    )
