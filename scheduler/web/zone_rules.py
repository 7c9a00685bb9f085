"""What a change of the zone's rules did to the calendar: visits that could not keep their hour, and those that did."""

from __future__ import annotations

from flask import Blueprint, render_template

from scheduler import clock
from scheduler.database import db
from scheduler.services.visit import zone_rules
from scheduler.web.current import actor
from scheduler.web.shell import may

bp = Blueprint("zone_rules", __name__)


@bp.get(zone_rules.PAGE)
@may("view")
def index() -> str:
    clinic = actor().clinic
    return render_template(
        "zone_rules/index.html",
        clinic=clinic,
        strays=zone_rules.strays(db.session(), clinic, clock.now()),
        lately=zone_rules.lately(db.session(), clinic),
    )
