"""Running late: the rest of a day of a chair, room or person begins later, with a preview.

As with a single move, the shift is planned again when it is confirmed and refused if it would then differ.
"""

from __future__ import annotations

import json
from datetime import date

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from scheduler import clock
from scheduler.database import db
from scheduler.errors import Invalid, NotFound, Refusal, SlotTaken, StalePreview
from scheduler.http import signing
from scheduler.services.day import shifts
from scheduler.services.day.shifts import Shift
from scheduler.services.visit import move_tokens, moves
from scheduler.transactions import only_reads
from scheduler.web.current import actor
from scheduler.web.local import read_date
from scheduler.web.refusals import is_partial
from scheduler.web.resource_choice import chosen_resource, known_resources
from scheduler.web.shell import may

bp = Blueprint("shifts", __name__, url_prefix="/board")
EXPLAINED = (Invalid, SlotTaken, StalePreview)
MINUTES = 15  # what the form starts with


@bp.get("/<on>/shift")
@may("move")
def form(on: str) -> str:
    return _page(read_date("date", on))


@bp.post("/<on>/shift/preview")
@may("move")
@only_reads
def preview(on: str) -> str | tuple[str, int]:
    day = read_date("date", on)
    try:
        planned = _plan(day)
    except EXPLAINED as refusal:
        db.session.rollback()
        return _page(day, refusal=refusal), refusal.status
    page = _page(day, planned)
    db.session.rollback()
    return page


@bp.post("/<on>/shift")
@may("move")
def shift(on: str) -> Response | tuple[str, int]:
    day, now = read_date("date", on), clock.now()
    try:
        planned = _plan(day)
        move_tokens.check(request.form.get("token", ""), planned.moves, actor(), signing.keys(), now)
        moves.apply_moves(db.session(), actor(), planned.moves, now, _reason() or shifts.LATE)
    except EXPLAINED as refusal:
        db.session.rollback()
        return _page(day, refusal=refusal), refusal.status
    db.session.commit()
    return _shifted(day, planned)


def _plan(on: date) -> Shift:
    key = request.form.get("resource", "")
    if not key:
        raise Invalid([("resource", "must be a chair, a room or a staff member of the clinic")])
    late = chosen_resource(key)
    if late is None or late.is_site:
        raise NotFound
    return shifts.plan_shift(
        db.session(),
        actor(),
        late.resource_id,
        on,
        request.form.get("minutes", type=int) or 0,
        clock.now(),
        pauses=late.one_at_a_time and "pauses" in request.form,
        override_reason=_reason(),
    )


def _reason() -> str:
    return request.form.get("reason", "").strip()[:300]


def _page(on: date, planned: Shift | None = None, refusal: Refusal | None = None) -> str:
    values = request.form or request.args
    now = clock.now()
    token = move_tokens.sign(planned.moves, actor(), signing.keys(), now) if planned and planned.moves else ""
    return render_template(
        "shifts/_form.html" if is_partial() else "shifts/form.html",
        on=on,
        known=known_resources(),
        chosen=chosen_resource(values.get("resource", "")),
        minutes=values.get("minutes", type=int) or MINUTES,
        pauses="pauses" in values or not request.form,
        longest=shifts.LONGEST,
        planned=planned,
        token=token,
        refusal=refusal,
        reason=values.get("reason", ""),
    )


def _shifted(on: date, planned: Shift) -> Response:
    first = planned.moves[0].appointment
    count = len(planned.moves)
    words = "1 visit pushed back." if count == 1 else f"{count} visits pushed back."
    undo_at = url_for("visits.take_back", visit_id=first.public_id)
    if not is_partial():
        flash((words, undo_at))  # type: ignore[arg-type]  # any JSON value is kept
        return redirect(url_for("board.day", on=on), 303)
    response = make_response("")
    response.headers["HX-Trigger"] = json.dumps(
        {"toast": {"words": words, "undo": undo_at}, "board:changed": {}}
    )
    return response
