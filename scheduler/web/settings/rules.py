"""Rules of the clinic: reminders, waiting times, ratio, what patients may do themselves."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask import render_template, request
from werkzeug.wrappers import Response

from scheduler import clock
from scheduler.database import db
from scheduler.errors import Invalid
from scheduler.services import clinic_settings
from scheduler.web.current import actor
from scheduler.web.settings.blueprint import bp, by_field, saved
from scheduler.web.shell import may

NUMBERS = (
    "nurse_lanes", "planning_horizon_days", "notice_minutes", "confirmation_delay_seconds", "change_delay_seconds",
    "rush_hours", "noshow_grace_minutes", "reservation_minutes", "arrive_early_minutes", "patient_cancel_hours",
    "patient_move_hours", "patient_moves_most",
)  # fmt: skip
TEXTS = ("quiet_from", "quiet_until", "visit_label", "mail_name")
FLAGS = ("show_hidden_visits", "show_location")


@bp.get("/rules")
@may("settings")
def rules() -> str:
    return _page()


@bp.post("/rules")
@may("settings")
def save_rules() -> Response | tuple[str, int]:
    try:
        clinic_settings.change(db.session(), actor(), _fields(), clock.now())
    except Invalid as refusal:
        db.session.rollback()
        return _page(refusal), refusal.status
    return saved(".rules")


def _page(refusal: Invalid | None = None) -> str:
    values: dict[str, Any] = asdict(actor().clinic.settings)
    values["reminder_lead_hours"] = ", ".join(str(hours) for hours in values["reminder_lead_hours"])
    if refusal:
        values |= request.form.to_dict() | {name: name in request.form for name in FLAGS}
    return render_template("settings/rules.html", values=values, errors=by_field(refusal))


def _fields() -> dict[str, Any]:
    form = request.form
    fields: dict[str, Any] = {name: _number(form[name]) for name in NUMBERS if name in form}
    fields |= {name: form[name].strip() for name in TEXTS if name in form}
    fields |= {name: name in form for name in FLAGS}
    leads = form.get("reminder_lead_hours", "").replace(",", " ").split()
    return fields | {"reminder_lead_hours": [_number(text) for text in leads]}


def _number(text: str) -> int:
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else -1
