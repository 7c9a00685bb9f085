"""Another protocol for the rest of a course: chosen, shown with every move and gap, then done."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from scheduler import clock
from scheduler.database import db
from scheduler.domain.planner.answers.words import label
from scheduler.errors import Refusal
from scheduler.http import signing
from scheduler.models import plan_definition as definitions
from scheduler.models.care_plan import CarePlan
from scheduler.models.plan_definition import PlanDefinition
from scheduler.services.clinic import plans
from scheduler.services.course import protocol_change
from scheduler.services.course.protocol_change import ProtocolChange
from scheduler.services.planning.earlier import line
from scheduler.services.row_versions import check_version
from scheduler.services.visit import move_tokens
from scheduler.web.care_plans import find
from scheduler.web.current import actor
from scheduler.web.refusals import may_be_overridden
from scheduler.web.shell import may

bp = Blueprint("protocol_change", __name__, url_prefix="/care-plans/<care_plan_id>/protocol")


@bp.get("")
@may("move")
def form(care_plan_id: str) -> str:
    return _page(find(care_plan_id))


@bp.post("/preview")
@may("move")
def preview(care_plan_id: str) -> str | tuple[str, int]:
    """Show what another protocol takes; nothing is kept of it."""
    try:
        planned = _planned(find(care_plan_id))
        token = move_tokens.sign_shown(planned.shown, actor(), signing.keys(), clock.now())
        page = _page(planned.care_plan, planned, token)
    except Refusal as refusal:
        db.session.rollback()
        return _page(find(care_plan_id), refusal=refusal), refusal.status
    db.session.rollback()
    return page


@bp.post("")
@may("move")
def save(care_plan_id: str) -> Response | tuple[str, int]:
    """Do what was shown; refused when it would no longer be that."""
    course, now = find(care_plan_id), clock.now()
    try:
        check_version(db.session(), course, request.form.get("row_version", type=int))
        planned = _planned(course)
        move_tokens.check_shown(request.form.get("token", ""), planned.shown, actor(), signing.keys(), now)
        reason = request.form.get("reason", "").strip()[:300]
        protocol_change.apply_change(db.session(), actor(), planned, reason, now, _override_reason())
    except Refusal as refusal:
        db.session.rollback()
        return _page(find(care_plan_id), refusal=refusal), refusal.status
    db.session.commit()
    flash(f"Protocol changed to {planned.definition.title}.")
    return redirect(url_for("care_plans.show", care_plan_id=care_plan_id), 303)


def _planned(course: CarePlan) -> ProtocolChange:
    definition = plans.current(db.session(), actor().clinic, request.form.get("plan_definition", ""))
    last = request.form.get("last")  # not asked for at first: found by what was held
    if request.form.get("last_of") != definition.key:  # it was of the protocol that was looked at before
        last = None
    return protocol_change.plan_change(
        db.session(), actor(), course, definition, clock.now(), last, _override_reason()
    )


def _override_reason() -> str:
    return request.form.get("override_reason", "").strip()[:300]


def _page(
    course: CarePlan, planned: ProtocolChange | None = None, token: str = "", refusal: Refusal | None = None
) -> str:
    known = definitions.all_current(db.session(), actor().clinic.id)
    chosen = request.form.get("plan_definition")
    definition = next((one for one in known if one.key == chosen), None)
    return render_template(
        "protocol_change/form.html",
        course=course,
        choices=[(one.key, one.title) for one in known if one.id != course.plan_definition_id],
        reached=_reached(definition) if definition else [],
        by_override=may_be_overridden(refusal) or bool(planned and planned.broken),
        planned=planned,
        token=token,
        refusal=refusal,
        values=request.form or request.args,
    )


def _reached(definition: PlanDefinition) -> list[tuple[str, str]]:
    """Return what may be chosen as the last visit already completed."""
    steps = [(one.key, label(one)) for one in line(definition.plan)[:-1]]
    return [("", "none: starts at the beginning"), *steps]
