"""What patients may do themselves on their private page, and which of their answers a person must see."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask import render_template, request
from werkzeug.wrappers import Response

from scheduler import clock
from scheduler.database import db
from scheduler.domain.settings import ClinicSettings
from scheduler.errors import Invalid
from scheduler.models import plan_definition as definitions
from scheduler.services.clinic.staff import answering
from scheduler.services.mail import settings_changes
from scheduler.web.current import actor
from scheduler.web.local import read_number
from scheduler.web.settings.blueprint import bp, by_field, saved
from scheduler.web.shell import may

NUMBERS = (
    "patient_cancel_hours",
    "patient_move_hours",
    "patient_moves_most",
    "offers_at_once",
    "offer_minutes",
    "offer_lead_minutes",
    "offers_a_day",
    "answer_phq2_from",
    "answer_mood_to",
    "answer_due_minutes",
)


@bp.get("/self-service")
@may("settings")
def self_service() -> str:
    return _page(actor().clinic.settings)


@bp.post("/self-service")
@may("settings")
def save_self_service() -> Response | tuple[str, int]:
    settings = actor().clinic.settings
    try:
        settings_changes.change(db.session(), actor(), _fields(settings), clock.now())
    except Invalid as refusal:
        db.session.rollback()
        return _page(settings, refusal), refusal.status
    return saved(".self_service", "Saved.")


def _page(settings: ClinicSettings, refusal: Invalid | None = None) -> str:
    fields = asdict(settings) | (_fields(settings) if refusal else {})
    return render_template(
        "settings/self_service.html",
        kinds=_kinds(settings),
        values=fields | (request.form.to_dict() if refusal else {}),
        fixed=fields["patient_fixed_kinds"],
        asked=fields["check_in_kinds"],
        people=answering(db.session(), actor().clinic),
        contacts=fields["answer_contacts"],
        errors=by_field(refusal),
    )


def _fields(settings: ClinicSettings) -> dict[str, Any]:
    form, kinds = request.form, _kinds(settings)
    movable, asked = set(form.getlist("movable")), set(form.getlist("asked"))
    return {name: read_number(form.get(name, "")) for name in NUMBERS} | {
        "offers_automatic": form.get("offers_automatic") == "yes",
        "patient_fixed_kinds": tuple(kind for kind in kinds if kind not in movable),
        "check_in_kinds": tuple(kind for kind in kinds if kind in asked),
        "answer_contacts": tuple(form.getlist("answer_contacts")),
    }


def _kinds(settings: ClinicSettings) -> dict[str, str]:
    """Return what the visits of each kind are called; kinds that are set and that no protocol has come last."""
    titles: dict[str, set[str]] = {}
    for definition in definitions.all_current(db.session(), actor().clinic.id):
        for action in definition.plan.actions:
            titles.setdefault(action.kind, set()).add(action.title)
    for kind in (*settings.patient_fixed_kinds, *settings.check_in_kinds):
        titles.setdefault(kind, set())
    return {kind: ", ".join(sorted(names)) for kind, names in sorted(titles.items())}
