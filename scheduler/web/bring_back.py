"""Patients to bring back: one list with a filter, each entry with the one action that takes it off."""

from __future__ import annotations

from collections import Counter

from flask import Blueprint, render_template, request

from scheduler import clock
from scheduler.database import db
from scheduler.models import plan_definition as definitions
from scheduler.services.course import bring_back
from scheduler.services.course.bring_back import Why
from scheduler.web.current import actor
from scheduler.web.shell import may

bp = Blueprint("bring_back", __name__)


@bp.get("/bring-back")
@may("book")
def index() -> str:
    clinic = actor().clinic
    found = bring_back.listed(db.session(), clinic, clock.now())
    protocol = request.args.get("protocol", "")
    of_protocol = [one for one in found if not protocol or one.protocol == protocol]
    why = request.args.get("why", "")
    return render_template(
        "bring_back/index.html",
        entries=[one for one in of_protocol if not why or one.why == why],
        counts=Counter(one.why for one in of_protocol),
        total=len(of_protocol),
        kinds=list(Why),
        why=why,
        protocol=protocol,
        protocols=definitions.all_current(db.session(), clinic.id),
    )
