"""What a change of the zone's rules did to the calendar: visits that could not keep their hour, and those that did."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, url_for
from werkzeug.wrappers import Response

from scheduler import clock
from scheduler.database import db
from scheduler.services.visit import zone_rules, zone_strays
from scheduler.transactions import take_turns
from scheduler.web.current import actor
from scheduler.web.shell import may
from scheduler.web.visits import find

bp = Blueprint("zone_rules", __name__, url_prefix=zone_rules.PAGE)
MOST = 25  # visits at a time, the nearest first: what is in the way of each is looked up


@bp.get("")
@may("view")
def index() -> str:
    clinic = actor().clinic
    found, count = zone_strays.conflicts(db.session(), clinic, clock.now(), MOST)
    return render_template(
        "zone_rules/index.html",
        clinic=clinic,
        conflicts=found,
        count=count,
        lately=zone_rules.lately(db.session(), clinic),
    )


@bp.post("/derivation")
@may("move")
def derive() -> Response:
    """Try again at once what the clock tries every hour: the desk has made room."""
    done = zone_rules.derive(db.session(), actor(), clock.now(), take_turns)
    db.session.commit()
    went = "1 visit moved" if len(done.moved) == 1 else f"{len(done.moved)} visits moved"
    left = f" {len(done.stays)} could not be moved." if done.stays else ""
    flash(f"{went} to the agreed local time.{left}")
    return redirect(url_for(".index"), 303)


@bp.post("/<visit_id>/agreement")
@may("move")
def agree(visit_id: str) -> Response:
    visit = find(visit_id)
    zone_strays.agree(db.session(), actor(), visit, clock.now())
    db.session.commit()
    flash(f"{visit.patient.name}: current time kept. The patient is notified.")
    return redirect(url_for(".index"), 303)
