"""How courses are placed: a preset of preferences, or under Advanced what each shortfall costs."""

from __future__ import annotations

from typing import Any

from flask import render_template, request
from werkzeug.wrappers import Response

from scheduler import clock
from scheduler.database import db
from scheduler.errors import Invalid
from scheduler.services.clinic import planner_weights
from scheduler.services.clinic.planner_weights import BOUNDS, CUSTOM, PARTS, PRESETS, TIMES, USUAL
from scheduler.services.mail import settings_changes
from scheduler.web.current import actor
from scheduler.web.local import read_number
from scheduler.web.settings.blueprint import bp, by_field, saved
from scheduler.web.shell import may

# Each preset with what it is for, and what it gives up for that.
PRESET_WORDS = {
    "balanced": (
        "Balanced",
        "Close to the ideal spacing, at one time of day, and done soon. Right for most clinics.",
    ),
    "soonest": (
        "Finish soonest",
        "Courses end as early as the protocol allows. Times of day and spacing vary more.",
    ),
    "spacing": (
        "Ideal spacing",
        "Visits are as near to the protocol's ideal days as possible. Courses may end later.",
    ),
    "patient": (
        "Patient's wishes first",
        "Preferred days and times, one time of day, and one therapist. Courses may end later.",
    ),
    "full-days": (
        "Fill the day",
        "Chairs are booked without short gaps. Times of day vary more between visits.",
    ),
}
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


@bp.post("/placing/preset")
@may("settings")
def choose_preset() -> Response | tuple[str, int]:
    """Plan with a preset; the clinic's own weights are replaced by its own."""
    name = request.form.get("preset", "")
    if name == CUSTOM:
        return saved(".placing", "No changes to save.")
    if name not in PRESETS:
        refusal = Invalid([("preset", "must be one of these")])
        return _page(refusal), refusal.status
    settings_changes.change(db.session(), actor(), {"planner_weights": PRESETS[name]}, clock.now())
    return saved(".placing", f"{PRESET_WORDS[name][0]}: applies to courses planned or moved from now on.")


def _page(refusal: Invalid | None = None) -> str:
    present = planner_weights.to_document(planner_weights.of(actor().clinic))
    return render_template(
        "settings/placing.html",
        parts=PARTS,
        bounds=BOUNDS,
        usual=planner_weights.to_document(USUAL),
        values=present | (request.form.to_dict() if refusal else {}),
        presets=PRESET_WORDS,
        preset=planner_weights.preset_of(actor().clinic),
        stretches=_stretches(present["usable_ticks"]),
        errors=by_field(refusal),
    )


def _stretches(present: int) -> list[tuple[int, str]]:
    """Return the stretches to choose from, and the present one."""
    return sorted({*STRETCHES, (present, f"{5 * present} minutes")})
