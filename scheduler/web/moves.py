"""Moving a visit: a form, a preview of all that moves with it, and the move itself.

The move is planned again when it is confirmed; if it would then differ from what was previewed, it is refused. A move
that answers a patient's request carries its id in `request`, and closes it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, datetime

from flask import Blueprint, flash, jsonify, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from scheduler import clock
from scheduler.database import db
from scheduler.domain.localtime import local_on
from scheduler.errors import (
    Invalid,
    NoFitFound,
    NotFound,
    Refusal,
    RuleBroken,
    SlotTaken,
    StalePreview,
    WrongStatus,
)
from scheduler.http import signing
from scheduler.models import location as locations
from scheduler.models.appointment import Appointment
from scheduler.models.patient_request import PatientRequest, open_for
from scheduler.services.account.overrides import may_override
from scheduler.services.course.course_pictures import changed_gaps
from scheduler.services.patient import patient_requests
from scheduler.services.planning import assignments, free_times, obstacles
from scheduler.services.planning.obstacles import Obstacle
from scheduler.services.planning.possible_starts import Starts, possible_starts
from scheduler.services.visit import move_tokens, moves
from scheduler.services.visit.move_times import MoveTimes
from scheduler.services.visit.moves import Move, MovePlanner
from scheduler.transactions import only_reads
from scheduler.web import times
from scheduler.web.current import actor
from scheduler.web.local import read_date, read_start
from scheduler.web.refusals import is_partial
from scheduler.web.shell import may
from scheduler.web.times import Strip
from scheduler.web.visits import find

bp = Blueprint("moves", __name__, url_prefix="/appointments")
EXPLAINED = (Invalid, NoFitFound, RuleBroken, SlotTaken, StalePreview)


@bp.get("/<visit_id>/time")
@may("move")
def form(visit_id: str) -> str:
    return _form(find(visit_id))


@bp.post("/<visit_id>/times")
@may("move")
@only_reads
def show_times(visit_id: str) -> str | tuple[str, int]:
    """The times of another week, or with another filter: the strip alone for its script, else the form with it."""
    visit = find(visit_id)
    try:
        if not times.wants_refresh():
            return _form(visit)
        shown = _strip(visit, None)
        return render_template("moves/_strip.html", visit=visit, strip=shown, filters=request.form)
    except Invalid as refusal:
        return _form(visit, refusal=refusal), refusal.status


@bp.get("/<visit_id>/starts")
@may("move")
def starts(visit_id: str) -> Response:
    """Where the visit may go on a day, as minutes since 1970 by place: what the board shades while it is dragged.

    For a week (`days=7`), its days on which the visit may be.
    """
    visit, on = find(visit_id), read_date("date", request.args.get("date", ""))
    if request.args.get("days") == str(free_times.DAYS):
        found = _kept_starts(visit, on, free_times.DAYS)
        zone = actor().clinic.zone
        days = {local_on(start, zone).isoformat() for free in found.values() for start in free}
        return jsonify(sorted(days))
    found = _kept_starts(visit, on)
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


def _kept_starts(visit: Appointment, on: date, days: int = 1) -> Starts:
    """Return the starts by place that a move can have: those that the strip of times would try, and no others."""
    try:
        tried = MoveTimes(_planner(visit)).candidates(outside=False)
    except WrongStatus:
        return {}
    kept = {visit.start_at, *tried.usual, *tried.costly}
    found = possible_starts(db.session(), actor(), visit, on, clock.now(), days)
    return {place: tuple(start for start in free if start in kept) for place, free in found.items()}


@bp.post("/<visit_id>/time/preview")
@may("move")
@only_reads
def preview(visit_id: str) -> str | tuple[str, int]:
    """Show what a start would move; of one outside the spacing, what it breaks, and ask for the reason."""
    visit = find(visit_id)
    try:
        planner = _planner(visit)
        override = times.wants_outside() or may_override(actor(), _text("override_reason"))
        planned = planner.plan(read_start(request.form), override=override)
        broken = planner.broken(planned)
    except EXPLAINED as refusal:
        db.session.rollback()
        return _form(find(visit_id), refusal=refusal), refusal.status
    page = _form(visit, planned=planned, broken=list(dict.fromkeys(one.words for one in broken)))
    db.session.rollback()
    return page


@bp.post("/<visit_id>/time")
@may("move")
def move(visit_id: str) -> Response | tuple[str, int]:
    visit, now = find(visit_id), clock.now()
    try:
        planned = _plan(visit, now)
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
    patient_requests.agree_by_moving(db.session(), actor(), [move.appointment for move in planned], now)
    db.session.commit()
    return _moved(visit, len(planned), asked is not None)


def _plan(visit: Appointment, now: datetime) -> list[Move]:
    return moves.plan_move(
        db.session(),
        actor(),
        visit,
        read_start(request.form),
        now,
        times.chosen_place(),
        times.chosen_people() or None,
        request.form.get("scope", "following"),
        _text("override_reason"),
    )


def _planner(visit: Appointment, *, anywhere: bool = False) -> MovePlanner:
    return MovePlanner(
        db.session(),
        actor(),
        visit,
        clock.now(),
        None if anywhere else times.chosen_place(),
        times.chosen_people() or None,
        request.values.get("scope", "following"),
    )


def _asked(visit: Appointment) -> PatientRequest | None:
    """Return the patient's open request that this move answers, if it was opened from one."""
    wanted = request.values.get("request", "")
    asked = open_for(db.session(), visit) if wanted else None
    return asked if asked is not None and asked.public_id == wanted else None


def _text(name: str) -> str:
    return request.form.get(name, "").strip()[:300]


def _form(
    visit: Appointment,
    planned: Sequence[Move] | None = None,
    refusal: Refusal | None = None,
    broken: Sequence[str] = (),
) -> str:
    kind = visit.location.kind if visit.location else None
    asked = _asked(visit)
    wanted = _wanted() if refusal else asked.wanted_at if asked else None
    shown = None if planned else _strip(visit, wanted, anywhere=refusal is not None)
    return render_template(
        "moves/_form.html" if is_partial() else "moves/form.html",
        visit=visit,
        place_choices=[
            (place.public_id, times.place_name(place))
            for place in locations.active(db.session(), actor().clinic.id)
            if place.kind is kind
        ],
        planned=planned,
        new_sites=moves.new_sites(db.session(), actor().clinic, planned) if planned else {},
        broken=broken,
        token=move_tokens.sign(planned, actor(), signing.keys(), clock.now()) if planned else "",
        gaps=changed_gaps(db.session(), actor().clinic, planned) if planned else [],
        refusal=refusal,
        why=_why(visit, refusal, wanted) if refusal else [],
        obstacles=_in_the_way(visit, wanted) if refusal else [],
        strip=shown,
        values=request.values,
        filters={**request.values.to_dict(), "location": ""} if refusal else request.values,
        asked=asked,
    )


def _strip(visit: Appointment, wanted: datetime | None, *, anywhere: bool = False) -> Strip | None:
    """Return the times around the one that is wanted; None if it cannot be moved.

    After a refusal `anywhere`: all times of that day, in any place.
    """
    try:
        found = MoveTimes(_planner(visit, anywhere=anywhere))
    except (WrongStatus, Invalid, NotFound):
        return None
    on = local_on(wanted or visit.start_at, actor().clinic.zone)
    in_course = found.moves.care_plan is not None
    return times.strip(
        found,
        found.action,
        on - times.BEFORE,
        scoped=in_course,
        spaced=in_course,
        whole=on if anywhere else None,
    )


def _wanted() -> datetime | None:
    """Return where the refused move was to go, when the form says that at all."""
    try:
        return read_start(request.form)
    except Invalid:
        return None


def _why(visit: Appointment, refusal: Refusal, wanted: datetime | None) -> list[str]:
    """Return why a start is refused, the lasting obstacle first."""
    if wanted is None or not isinstance(refusal, NoFitFound | RuleBroken | SlotTaken):
        return []
    broken = refusal.details.get("violations", [])
    return times.sentences(MoveTimes(_planner(visit)), wanted, broken, visit.action)


def _in_the_way(visit: Appointment, wanted: datetime | None) -> list[Obstacle]:
    """Return whose visit, or what, is in the way at the place that was asked for. Without one no place is free."""
    place = assignments.one_place(times.chosen_place())
    if wanted is None or place is None:
        return []
    return obstacles.at(db.session(), actor().clinic, visit, wanted, clock.now(), place)


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
