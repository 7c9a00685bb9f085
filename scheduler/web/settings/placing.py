"""How courses are placed: what counts against a plan, and how much, in a front desk's words."""

from __future__ import annotations

from typing import Any

from flask import render_template, request
from werkzeug.wrappers import Response

from scheduler import clock
from scheduler.database import db
from scheduler.errors import Invalid
from scheduler.services.clinic import planner_weights
from scheduler.services.clinic.planner_weights import BOUNDS, PARTS, TIMES, USUAL
from scheduler.services.mail import settings_changes
from scheduler.web.current import actor
from scheduler.web.local import read_number
from scheduler.web.settings.blueprint import bp, by_field, saved
from scheduler.web.shell import may

STRETCHES = [(ticks, f"{5 * ticks} minutes") for ticks in (1, 2, 3, 4, 6, 8, 9, 12, 18, 24, 36)]


@bp.get("/placing")
@may("settings")
def placing() -> str:
    return _page()


@bp.post("/placing")
@may("settings")
def save_placing() -> Response | tuple[str, int]:
    form = request.form
    weights: dict[str, Any] = {name: read_number(form[name]) for name in BOUNDS if name in form}
    weights |= {name: form[name].strip() for name in TIMES if name in form}
    try:
        settings_changes.change(db.session(), actor(), {"planner_weights": weights}, clock.now())
    except Invalid as refusal:
        db.session.rollback()
        return _page(refusal), refusal.status
    return saved(".placing", "Saved. Applies to courses planned or moved from now on.")


@bp.post("/placing/reset")
@may("settings")
def reset_placing() -> Response:
    """Go back to the usual weights."""
    settings_changes.change(db.session(), actor(), {"planner_weights": {}}, clock.now())
    return saved(".placing", "Defaults restored.")


def _page(refusal: Invalid | None = None) -> str:
    present = planner_weights.to_document(planner_weights.of(actor().clinic))
    return render_template(
        "settings/placing.html",
        parts=PARTS,
        bounds=BOUNDS,
        usual=planner_weights.to_document(USUAL),
        values=present | (request.form.to_dict() if refusal else {}),
        changed=bool(actor().clinic.settings.planner_weights),
        stretches=_stretches(present["usable_ticks"]),
        errors=by_field(refusal),
    )


def _stretches(present: int) -> list[tuple[int, str]]:
    """Return the stretches to choose from, and the present one."""
    return sorted({*STRETCHES, (present, f"{5 * present} minutes")})
