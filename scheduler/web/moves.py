"""Moving a visit: a form, a preview of all that moves with it, and the move itself.

The move is planned again when it is confirmed; if it would then differ from what was previewed, it is refused. A move
that answers a patient's request carries its id in `request`, and closes it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from flask import Blueprint, flash, jsonify, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from scheduler import clock
from scheduler.database import db
from scheduler.domain.status import STEPS
from scheduler.errors import Invalid, NoFitFound, NotFound, Refusal, RuleBroken, SlotTaken, StalePreview
from scheduler.http import signing
from scheduler.models import location as locations
from scheduler.models.appointment import Appointment
from scheduler.models.location import Location
from scheduler.models.patient_request import PatientRequest, open_for
from scheduler.services.clinic import places
from scheduler.services.course.course_pictures import changed_gaps
from scheduler.services.patient import mail_to_read, patient_requests
from scheduler.services.planning import obstacles
from scheduler.services.planning.nearest_fits import NearestFit, nearest_fits
from scheduler.services.planning.obstacles import Obstacle
from scheduler.services.planning.possible_starts import possible_starts
from scheduler.services.visit import move_tokens, moves
from scheduler.services.visit.moves import Move
from scheduler.transactions import only_reads
from scheduler.web.current import actor
from scheduler.web.local import read_date, read_start
from scheduler.web.refusals import is_partial
from scheduler.web.shell import may
from scheduler.web.visits import find

bp = Blueprint("moves", __name__, url_prefix="/appointments")
EXPLAINED = (Invalid, NoFitFound, RuleBroken, SlotTaken, StalePreview)


@bp.get("/<visit_id>/time")
@may("move")
def form(visit_id: str) -> str:
    return _form(find(visit_id))


@bp.get("/<visit_id>/starts")
@may("move")
def starts(visit_id: str) -> Response:
    """Where the visit may go on a day, as minutes since 1970 by place: what the board shades while it is dragged."""
    visit, on = find(visit_id), read_date("date", request.args.get("date", ""))
    found = possible_starts(db.session(), actor(), visit, on, clock.now())
    names = {
        place.resource_id: place.public_id for place in locations.active(db.session(), actor().clinic.id)
    }
    return jsonify(
        {
            names.get(place or 0, ""): [int(start.timestamp()) // 60 for start in free]
            for place, free in found.items()
            if place is None or place in names
        }
    )


@bp.post("/<visit_id>/time/preview")
@may("move")
@only_reads
def preview(visit_id: str) -> str | tuple[str, int]:
    visit = find(visit_id)
    try:
        planned = _plan(visit)
    except EXPLAINED as refusal:
        db.session.rollback()
        return _form(find(visit_id), refusal=refusal), refusal.status
    page = _form(visit, planned=planned)
    db.session.rollback()
    return page


@bp.post("/<visit_id>/time")
@may("move")
def move(visit_id: str) -> Response | tuple[str, int]:
    visit, now = find(visit_id), clock.now()
    try:
        planned = _plan(visit)
        move_tokens.check(request.form.get("token", ""), planned, actor(), signing.keys(), now)
        moves.apply_moves(
            db.session(), actor(), planned, now, _text("reason"), override_reason=_text("override_reason")
        )
    except EXPLAINED as refusal:
        db.session.rollback()
        return _form(find(visit_id), refusal=refusal), refusal.status
    asked = _asked(visit)
    if asked is not None:
        patient_requests.agree(db.session(), actor(), asked, now)
    mail_to_read.finish_proposals(db.session(), actor(), [visit], now)
    db.session.commit()
    return _moved(visit, len(planned), asked is not None)


def _plan(visit: Appointment) -> list[Move]:
    return moves.plan_move(
        db.session(),
        actor(),
        visit,
        read_start(request.form),
        clock.now(),
        location=_place(),
        scope=request.form.get("scope", "following"),
        override_reason=_text("override_reason"),
    )


def _asked(visit: Appointment) -> PatientRequest | None:
    """Return the patient's open request that this move answers, if it was opened from one."""
    wanted = request.values.get("request", "")
    asked = open_for(db.session(), visit) if wanted else None
    return asked if asked is not None and asked.public_id == wanted else None


def _text(name: str) -> str:
    return request.form.get(name, "").strip()[:300]


def _place() -> Location | None:
    wanted = request.form.get("location", "")
    return places.get_location(db.session(), actor().clinic, wanted) if wanted else None


def _form(visit: Appointment, planned: Sequence[Move] | None = None, refusal: Refusal | None = None) -> str:
    kind = visit.location.kind if visit.location else None
    wanted = _wanted() if refusal else None
    return render_template(
        "moves/_form.html" if is_partial() else "moves/form.html",
        visit=visit,
        place_choices=[
            (place.public_id, place.name)
            for place in locations.active(db.session(), actor().clinic.id)
            if place.kind is kind
        ],
        planned=planned,
        token=move_tokens.sign(planned, actor(), signing.keys(), clock.now()) if planned else "",
        gaps=changed_gaps(db.session(), actor().clinic, planned) if planned else [],
        refusal=refusal,
        obstacles=_in_the_way(visit, wanted),
        fits=_fits(visit, wanted),
        values=request.form or request.args,
        asked=_asked(visit),
    )


def _wanted() -> tuple[datetime, Location | None] | None:
    """Return where the refused move was to go, when the form says that at all."""
    try:
        return read_start(request.form), _place()
    except (Invalid, NotFound):
        return None


def _in_the_way(visit: Appointment, wanted: tuple[datetime, Location | None] | None) -> list[Obstacle]:
    if wanted is None:
        return []
    start, place = wanted
    return obstacles.at(db.session(), actor().clinic, visit, start, clock.now(), place)


def _fits(visit: Appointment, wanted: tuple[datetime, Location | None] | None) -> list[NearestFit]:
    if wanted is None or visit.status not in STEPS["reschedule"]:
        return []
    start, place = wanted
    return nearest_fits(db.session(), actor(), visit, start, clock.now(), place)


def _moved(visit: Appointment, count: int, answers: bool) -> Response:
    words = f"{visit.patient.name}: moved." if count == 1 else f"{visit.patient.name}: {count} visits moved."
    page = url_for("visits.show", visit_id=visit.public_id)
    undo_at = url_for("visits.take_back", visit_id=visit.public_id)
    if not is_partial():
        flash((words, undo_at))  # type: ignore[arg-type]  # any JSON value is kept
        return redirect(url_for("requests.index") if answers else page, 303)
    response = make_response("")
    response.headers["HX-Trigger"] = json.dumps(
        {"toast": {"words": words, "undo": undo_at}, "board:changed": {"open": visit.public_id}}
    )
    return response
