"""How courses are placed: what counts against a plan, and how much, in a front desk's words."""

from __future__ import annotations

from typing import Any

from flask import render_template, request
from werkzeug.wrappers import Response

from scheduler import clock
from scheduler.database import db
from scheduler.errors import Invalid
from scheduler.services.clinic import planner_weights
from scheduler.services.clinic.planner_weights import BOUNDS, TIMES, USUAL
from scheduler.services.mail import settings_changes
from scheduler.web.current import actor
from scheduler.web.settings.blueprint import bp, by_field, saved
from scheduler.web.shell import may

# Each weight by the part of the page it stands in: what it counts, and what more of it brings.
PARTS: tuple[tuple[str, tuple[tuple[str, str, str], ...]], ...] = (
    (
        "Days and gaps",
        (
            ("completion_day", "Each day until the course ends", "More: courses end sooner"),
            ("gap_day", "Each day away from an ideal gap", "More: gaps are kept closer, courses may wait"),
            (
                "gap_tick",
                "Each five minutes away, where the protocol counts a gap in hours",
                "More: therapy comes closer to its best hour after an infusion",
            ),
            (
                "weekday",
                "A therapy or a call on a day not asked for",
                "More: patients come on fewer other days",
            ),
        ),
    ),
    (
        "Time of day",
        (
            (
                "rhythm_tick",
                "Each five minutes between one visit’s time of day and the next one’s",
                "More: a course keeps to one time of day",
            ),
            (
                "preferred_tick",
                "Each five minutes away from the time that the patient prefers",
                "More: closer to their wish, perhaps later",
            ),
            ("quarter", "A start off the quarter hour", "More: 09:15 rather than 09:20"),
        ),
    ),
    (
        "People",
        (
            ("therapist", "A session with another therapist than the course’s own", "More: one therapist"),
            ("handover", "A visit that no single nurse can see through", "More: fewer hand-overs"),
        ),
    ),
    (
        "Chairs and rooms",
        (
            (
                "fragment",
                "A gap at a chair or in a room that is too short to use",
                "More: days are packed closer",
            ),
            (
                "midday_tick",
                "Each five minutes at a chair or in a room at midday",
                "More: midday stays calmer",
            ),
        ),
    ),
)
STRETCHES = [(ticks, f"{5 * ticks} minutes") for ticks in (1, 2, 3, 4, 6, 8, 9, 12, 18, 24, 36)]


@bp.get("/placing")
@may("settings")
def placing() -> str:
    return _page()


@bp.post("/placing")
@may("settings")
def save_placing() -> Response | tuple[str, int]:
    form = request.form
    weights: dict[str, Any] = {name: _number(form[name]) for name in BOUNDS if name in form}
    weights |= {name: form[name].strip() for name in TIMES if name in form}
    try:
        settings_changes.change(db.session(), actor(), {"planner_weights": weights}, clock.now())
    except Invalid as refusal:
        db.session.rollback()
        return _page(refusal), refusal.status
    return saved(".placing", "Saved. It holds for every course that is planned or moved from now on.")


@bp.post("/placing/reset")
@may("settings")
def reset_placing() -> Response:
    """Go back to the usual weights."""
    settings_changes.change(db.session(), actor(), {"planner_weights": {}}, clock.now())
    return saved(".placing", "Courses are placed as usual again.")


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


def _number(text: str) -> int:
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else -1
