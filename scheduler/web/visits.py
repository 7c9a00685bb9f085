"""A visit: its page (beside the board: its panel) and its steps.

A step answers htmx with the panel as it is then, and a plain form with a redirect to where it was asked.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, current_app, flash, make_response, redirect, render_template, request, url_for
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from scheduler import clock
from scheduler.database import db
from scheduler.domain.localtime import day_bounds, local_on
from scheduler.domain.status import STEP_TOASTS, STEPS, CarePlanStatus, CourseEffect, Stage
from scheduler.domain.windows import Window
from scheduler.errors import Invalid, NotFound, Refusal, RequirementOpen, RuleBroken, StepMissing, WrongDay
from scheduler.models import appointment as appointments
from scheduler.models import patient_note, visit_answer
from scheduler.models.appointment import Appointment, appointments_of
from scheduler.models.opening import Opening
from scheduler.models.task import open_about
from scheduler.models.waitlist import waiting_for
from scheduler.services.account.permissions import allowed, require, sees
from scheduler.services.clinic import displaced
from scheduler.services.day import boards, delays, lateness
from scheduler.services.day.delays import Delay
from scheduler.services.day.lateness import Lateness
from scheduler.services.mail import visit_mail
from scheduler.services.planning.courses import blocked_by, depending, followers, missing_before
from scheduler.services.row_versions import check_version
from scheduler.services.visit import requirements, step_rules, visit_story, visits
from scheduler.services.visit.undo import NEEDS, latest_step, undo
from scheduler.services.waitlist import entries, openings
from scheduler.web.current import actor
from scheduler.web.refusals import is_partial
from scheduler.web.resource_choice import key_of
from scheduler.web.shell import may
from scheduler.web.single_visits import may_be_duplicated

bp = Blueprint("visits", __name__, url_prefix="/appointments")
ADDRESSES = ", ".join(f'"{what}"' for what in visits.STEP_OF)


@dataclass(frozen=True)
class RefusedStep:
    """A step that was refused: its address, what speaks against it, and whether this person may override that."""

    what: str
    step: str
    requirements: Sequence[Mapping[str, Any]]
    words: str
    by_override: bool


@dataclass(frozen=True)
class RefusedUndo:
    """An undo that was refused: the step, what speaks against it, and whether this person may override that."""

    step: str
    words: str
    hard: bool
    by_override: bool


@dataclass(frozen=True)
class VisitDelays:
    """A visit's own delay, and the visits that wait for it with theirs."""

    delay: Delay | None
    behind: tuple[tuple[Appointment, Delay], ...]


@bp.get("/<visit_id>")
@may("view")
def show(visit_id: str) -> str:
    return _page(find(visit_id))


@bp.get("/<visit_id>/panel")
@may("view")
def panel(visit_id: str) -> str:
    """The panel beside the board, which the board refreshes by itself when the visit has changed."""
    return _page(find(visit_id))


@bp.post(f"/<visit_id>/<any({ADDRESSES}):what>")
@may("progress")
def step(visit_id: str, what: str) -> Response | tuple[str, int]:
    """Take a step; what speaks against it is shown with the visit, and with a form to those who may override it."""
    visit = find(visit_id)
    name, act = visits.STEP_OF[what]
    _check_version(visit)
    now = clock.now()
    reasons = {"reason": _text("reason")}
    if what in visits.OVERRIDABLE:
        reasons["override_reason"] = _text("override_reason")
    try:
        act(db.session(), actor(), visit, now, **reasons)
    except (RequirementOpen, StepMissing, WrongDay, Invalid) as refusal:
        db.session.rollback()
        visit = find(visit_id)
        return _page(visit, blocked=_blocked(visit, what, now, refusal)), refusal.status
    late = lateness.of_visit(db.session(), actor().clinic, visit, now) if what == "arrival" else None
    words = f"{visit.patient.name} {STEP_TOASTS[name]}{_how_late(late)}."
    db.session.commit()
    return answer(visit, words, name)


def _blocked(visit: Appointment, what: str, now: datetime, refusal: Refusal) -> RefusedStep:
    name = visits.STEP_OF[what][0]
    against = step_rules.against(visit, name, now)
    listed = [requirement for one in against for requirement in one.details.get("requirements", ())]
    days = [one.words for one in against if isinstance(one, StepMissing | WrongDay)]
    if isinstance(refusal, Invalid):
        words = [error["reason"] for error in refusal.details["errors"]]
        days.append("The reason " + "; ".join(words) + ".")
    elif name == "fulfill" and isinstance(refusal, RequirementOpen):
        days.append(refusal.next)
    return RefusedStep(what, name, listed, " ".join(days), step_rules.may_be_overridden(actor(), against))


@bp.post("/<visit_id>/stage")
@may("progress")
def stage(visit_id: str) -> Response:
    visit = find(visit_id)
    wanted = request.form.get("stage", "")
    if wanted not in set(Stage):
        raise Invalid([("stage", f"must be one of {', '.join(Stage)}")])
    visits.set_stage(db.session(), actor(), visit, Stage(wanted), clock.now())
    db.session.commit()
    return answer(visit, f"{visit.patient.name}: {wanted}.")


@bp.post("/<visit_id>/cancellation")
@may("cancel")
def cancel(visit_id: str) -> Response | tuple[str, int]:
    visit = find(visit_id)
    _check_version(visit)
    try:
        visits.cancel(
            db.session(),
            actor(),
            [visit],
            clock.now(),
            _text("reason"),
            request.form.get("side", "clinic"),
            **_effect(),
            notify=request.form.get("notify", "yes") != "no",
        )
    except (RuleBroken, Invalid) as refusal:
        return _not_canceled(visit_id, refusal)
    db.session.commit()
    return answer(visit, f"{visit.patient.name}, {visit.title}: canceled.", "cancel")


@bp.post("/<visit_id>/no-show")
@may("progress")
def miss(visit_id: str) -> Response | tuple[str, int]:
    visit = find(visit_id)
    _check_version(visit)
    try:
        visits.mark_noshow(db.session(), actor(), visit, clock.now(), _text("reason"), **_effect())
    except (RuleBroken, Invalid) as refusal:
        return _not_canceled(visit_id, refusal)
    db.session.commit()
    return answer(visit, f"{visit.patient.name} {STEP_TOASTS['no-show']}.", "no-show")


def _effect() -> dict[str, Any]:
    """Return what the form says about the course; the reason of a skipped step is the reason of its override."""
    effect = request.form.get("course_effect") or CourseEffect.MAKE_UP
    if effect not in set(CourseEffect):
        raise Invalid([("course_effect", f"must be one of {', '.join(CourseEffect)}")])
    skips = effect == CourseEffect.SKIP
    return {"course_effect": CourseEffect(effect), "override_reason": _text("reason") if skips else ""}


def _not_canceled(visit_id: str, refusal: Refusal) -> tuple[str, int]:
    db.session.rollback()
    return _page(find(visit_id), not_canceled=_words(refusal)), refusal.status


def _not_undone(step: str, refusal: Refusal) -> RefusedUndo:
    hard = any(one["hard"] for one in refusal.details.get("violations", ()))
    return RefusedUndo(step, _words(refusal), hard, not hard and allowed(actor(), "override"))


def _words(refusal: Refusal) -> str:
    details = refusal.details
    if isinstance(refusal, RuleBroken):
        return " ".join(one["words"] for one in details["violations"])
    return " ".join(f"The reason {one['reason']}." for one in details["errors"])


@bp.post("/<visit_id>/undo")
@may("progress")
def take_back(visit_id: str) -> Response | tuple[str, int]:
    """Undo the latest step; a rule that is broken then is shown, with a form to those who may override it."""
    visit = find(visit_id)
    last = latest_step(db.session(), visit)
    name = request.form.get("step") or (last.kind if last else "")
    if name not in STEPS:
        raise NotFound("There is no step to undo")
    require(actor(), NEEDS.get(name, "progress"))
    try:
        undo(db.session(), actor(), visit, name, clock.now(), _text("override_reason"))
    except (RuleBroken, Invalid) as refusal:
        db.session.rollback()
        return _page(find(visit_id), not_undone=_not_undone(name, refusal)), refusal.status
    db.session.commit()
    return answer(visit, f"Last step undone: {visit.patient.name}.")


@bp.post("/<visit_id>/requirements/<key>")
@may("requirements")
def settle(visit_id: str, key: str) -> Response:
    """Close a requirement of the visit, for the course or for this visit alone, as the plan says."""
    visit = find(visit_id)
    if visit.care_plan is None:
        raise NotFound
    rule = next((rule for rule in requirements.rules_for(visit) if rule.key == key), None)
    if rule is None:
        raise NotFound
    own = visit if rule.holds == "per_session" else None
    requirements.complete(
        db.session(), actor(), visit.care_plan, key, clock.now(), own, _text("document"), note=_text("note")
    )
    db.session.commit()
    return answer(visit, f"{rule.title}: complete.")


@bp.post("/<visit_id>/email")
@may("book")
def email(visit_id: str) -> Response:
    """Mail the patient this visit's details once more."""
    visit = find(visit_id)
    visit_mail.send(db.session(), actor(), visit, clock.now())
    db.session.commit()
    return answer(visit, f"Emailed to {visit.patient.name}.")


def find(visit_id: str) -> Appointment:
    """Return the clinic's visit with this id. Raises NotFound."""
    visit = appointments.by_public_id(db.session(), actor().clinic.id, visit_id)
    if visit is None:
        raise NotFound
    return visit


def answer(visit: Appointment, words: str, step: str = "") -> Response:
    """Return what follows a step: the panel with a toast, or the page before with a flash."""
    undo_at = url_for("visits.take_back", visit_id=visit.public_id) if step else ""
    if is_partial():
        response = make_response(_page(visit))
        toast = {"words": words, "undo": undo_at}
        response.headers["HX-Trigger"] = json.dumps({"toast": toast, "board:changed": {}})
        return response
    flash((words, undo_at) if undo_at else words)  # type: ignore[arg-type]  # any JSON value is kept
    return redirect(_back() or url_for("visits.show", visit_id=visit.public_id), 303)


def _page(visit: Appointment, **more: Any) -> str:
    now = clock.now()
    template = "visits/_panel.html" if is_partial() else "visits/show.html"
    still_open = requirements.open_requirements(visit)
    late_by = lateness.of_visit(db.session(), actor().clinic, visit, now)
    last = latest_step(db.session(), visit)
    steps = step_rules.offers(actor(), visit, now)
    return render_template(
        template,
        visit=visit,
        now=now,
        steps=steps,
        off={name: step for name, step in steps.items() if step.why},
        early=local_on(now, actor().clinic.zone) < visit.local_start.date(),
        stages=list(Stage),
        phases=boards.stretches(visit),
        phase=boards.phase_at(visit, now),
        open_requirements=still_open if visit.status.is_ahead or visit.status.is_waiting else [],
        settled=_settled(visit, {requirement.key for requirement in still_open}),
        last=last if last and step_rules.may_undo(visit, last.kind, now) else None,
        may_complete=lambda requirement: requirements.may_complete(actor().role, requirement.completed_by),
        make_up=_can_be_made_up(visit),
        displaced=next(iter(displaced.among(db.session(), actor().clinic, [visit])), None),
        missing=missing_before(visit) if visit.status.is_expected else [],
        blocks=blocked_by(visit) if visit.status.is_ahead else [],
        depends=bool(depending(visit)) if visit.status.is_live or visit.status.is_ahead else False,
        along=[one for one in followers(visit) if one.status.is_ahead],
        notes=patient_note.of_appointment(db.session(), visit) if sees(actor(), "notes") else [],
        history=visit_story.history(db.session(), visit),
        messages=visit_story.messages(db.session(), [visit]),
        reminders=visit_story.reminders(db.session(), visit),
        driver=visit_answer.driver_of(db.session(), visit),
        how_after=visit_answer.check_in_of(db.session(), visit),
        tasks=open_about(db.session(), visit.patient_id) if allowed(actor(), "tasks") else [],
        record=visit_story.record_of(db.session(), visit.patient, now, visit),
        lateness=late_by,
        behind_key=key_of(late_by.behind.resource_id) if late_by and late_by.behind else "",
        late=_late(visit, now),
        may_mail=visit_mail.may_be_mailed(actor().clinic, visit, now),
        may_duplicate=may_be_duplicated(visit),
        waits=waiting_for(db.session(), visit),
        opening=_opening(visit, now),
        **more,
    )


def _opening(visit: Appointment, now: datetime) -> Opening | None:
    """Return the time that a canceled or missed visit left open, where someone waits for an earlier one."""
    if not visit.status.is_off or not allowed(actor(), "move"):
        return None
    found = openings.of_visit(db.session(), visit, now)
    return found if found and entries.waiting(db.session(), actor().clinic, now) else None


def _can_be_made_up(visit: Appointment) -> bool:
    """Tell whether a course that goes on misses this visit, and nothing stands for it yet."""
    course = visit.care_plan
    if course is None or course.status is not CarePlanStatus.ACTIVE:
        return False
    return visit.status.may_be_made_up and all(one.replaces_id != visit.id for one in appointments_of(course))


def _settled(visit: Appointment, still_open: set[str]) -> list[str]:
    """Return the titles of the requirements that no longer keep the visit waiting."""
    return [rule.title for rule in requirements.rules_for(visit) if rule.key not in still_open]


def _late(visit: Appointment, now: datetime) -> VisitDelays:
    """Return by how much the visit is late by what goes on today, and who waits behind it."""
    zone = actor().clinic.zone
    on = local_on(visit.start_at, zone)
    if on != local_on(now, zone):
        return VisitDelays(None, ())
    day = boards.standing(boards.visits_between(db.session(), actor().clinic, Window(*day_bounds(on, zone))))
    found = delays.of_day(db.session(), day, now)
    behind = [(one, found[one.id]) for one in day if one.id in found and found[one.id].behind is visit]
    return VisitDelays(found.get(visit.id), tuple(behind))


def _how_late(late: Lateness | None) -> str:
    if late is None:
        return ""
    return f", {late.minutes} min late" + ("" if late.fits else ": not enough time left, see the conflicts")


def _check_version(visit: Appointment) -> None:
    """Refuse a step on a visit that was changed since the page was shown."""
    check_version(db.session(), visit, request.form.get("row_version", type=int))


def _text(name: str) -> str:
    return request.form.get(name, "").strip()[:500]


def _back() -> str:
    """Return the page that asked, when it is ours and can be opened: what answers a form alone cannot."""
    asked = urlsplit(request.referrer or "")
    if asked.netloc != request.host or not asked.path.startswith("/"):
        return ""
    try:
        current_app.url_map.bind(request.host).match(asked.path, method="GET")
    except HTTPException:
        return ""
    return asked.path
