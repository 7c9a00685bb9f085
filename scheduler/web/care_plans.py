"""A course: its page, its requirements, and its steps (hold, resume, stop the rest, complete, activate)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from scheduler import clock
from scheduler.database import db
from scheduler.domain.localtime import local_on
from scheduler.domain.requirements import good_until
from scheduler.domain.status import CARE_PLAN_STEPS, CarePlanStatus
from scheduler.errors import NotFound, WrongStatus
from scheduler.models import care_plan as care_plans
from scheduler.models import visit_answer
from scheduler.models.appointment import appointments_of
from scheduler.models.care_plan import CarePlan
from scheduler.services.course import careplans, missed_doses
from scheduler.services.course.course_pictures import Picture, picture
from scheduler.services.course.course_weeks import series_of, weeks_of
from scheduler.services.planning.courses import missing_steps
from scheduler.services.planning.visit_rows import site_of_course
from scheduler.services.row_versions import check_version
from scheduler.services.task import emailed_proposals
from scheduler.services.task.emailed_proposals import EmailedVisit
from scheduler.services.visit import requirements, visit_story
from scheduler.web.current import actor
from scheduler.web.local import read_date
from scheduler.web.shell import may
from scheduler.web.timeline import timeline
from scheduler.web.visits import find as find_visit
from scheduler.web.wellbeing import plots

bp = Blueprint("care_plans", __name__, url_prefix="/care-plans")
STEPS: dict[str, tuple[Callable[..., CarePlan], str]] = {
    "hold": (careplans.hold, "Course paused. Upcoming visits are released."),
    "resumption": (careplans.resume, "Course resumed. Its visits are planned again."),
    "revocation": (careplans.revoke, "Course ended. Upcoming visits are canceled."),
    "completion": (careplans.complete, "Course completed."),
}


@bp.get("/<care_plan_id>")
@may("view")
def show(care_plan_id: str) -> str:
    course, now = find(care_plan_id), clock.now()
    shown = picture(db.session(), actor().clinic, course, now)
    today = local_on(now, actor().clinic.zone)
    check_ins = visit_answer.check_ins_of_course(db.session(), course.id)
    return render_template(
        "care_plans/show.html",
        course=course,
        patient=course.patient,
        picture=shown,
        weeks=weeks_of(shown, actor().clinic.formats),
        series=series_of(shown),
        ends_at=max(
            (one.visit.start_at for one in shown.steps if one.stands and not one.visit.book_by_on),
            default=None,
        ),
        authorized=_authorized(course, shown),
        drawn=timeline(shown, actor().clinic.zone, actor().clinic.formats, now),
        wellbeing=plots(check_ins, actor().clinic.zone),
        check_ins=check_ins,
        drivers=visit_answer.drivers_ahead(db.session(), course.id, now),
        messages=visit_story.messages_of_course(db.session(), course),
        replaced={visit.replaces_id for visit in appointments_of(course) if visit.replaces_id},
        ahead=careplans.ahead(course, now),
        ahead_words=careplans.counted(careplans.ahead(course, now)),
        missing=missing_steps(course),
        missed=missed_doses.of_course(db.session(), course),
        steps=[name for name, fits in CARE_PLAN_STEPS.items() if course.status in fits],
        may_complete=lambda rule: requirements.may_complete(actor().role, rule.completed_by),
        count_of=lambda one: requirements.count_of(course, one.rule, one.row),
        longest=lambda rule: good_until(rule, today),
        today=today,
        now=now,
        may_email=emailed_proposals.may_be_emailed(course.patient),
    )


@bp.post("/<care_plan_id>/<any(hold, resumption, revocation, completion):what>")
@may("cancel")
def step(care_plan_id: str, what: str) -> Response:
    course = find(care_plan_id)
    check_version(db.session(), course, request.form.get("row_version", type=int))
    act, words = STEPS[what]
    if what == "revocation" and course.status is CarePlanStatus.DRAFT:
        words = "Course released."
    from_day = request.form.get("not_before", "") if what == "resumption" else ""
    more = {"not_before": read_date("not_before", from_day)} if from_day else {}
    act(db.session(), actor(), course, clock.now(), reason=_text("reason"), **more)
    return _saved(course, words)


@bp.post("/<care_plan_id>/activation")
@may("book")
def activate(care_plan_id: str) -> Response:
    course = find(care_plan_id)
    careplans.activate(db.session(), actor(), course, clock.now())
    return _saved(course, "Course booked.")


@bp.post("/<care_plan_id>/email")
@may("book")
def email(care_plan_id: str) -> Response:
    """Email the times of a held course to its patient, who answers on the private page."""
    course, now = find(care_plan_id), clock.now()
    if course.status is not CarePlanStatus.DRAFT or not course.expires_at or course.expires_at <= now:
        raise WrongStatus("These times are no longer held")
    visits = [
        EmailedVisit(one.start_at, one.end_at, one.title, one.position, one.series_length, one.visible)
        for one in appointments_of(course)
        if one.expires_at is not None
    ]
    path, held_until = url_for(".show", care_plan_id=care_plan_id), course.expires_at
    site = site_of_course(course)
    emailed_proposals.email(db.session(), actor(), course.patient, visits, path, now, held_until, site)
    return _saved(course, "Emailed. The answer appears under To do.")


@bp.post("/<care_plan_id>/requirements/<key>")
@may("requirements")
def complete_requirement(care_plan_id: str, key: str) -> Response:
    course, applies = find(care_plan_id), request.form.get("applies", "")
    if applies == "yes":  # and it is still open
        requirements.reopen(db.session(), actor(), course, key, clock.now(), _visit(), applies=True)
        words = f"{course.plan_definition.plan.requirement(key).title}: applies."
        return _saved(course, words, "requirements")
    given = {"applies": False} if applies == "no" else _details()
    visit, note = _visit(), _text("note")
    requirements.complete(db.session(), actor(), course, key, clock.now(), visit, note=note, **given)
    return _saved(course, f"{course.plan_definition.plan.requirement(key).title}: complete.", "requirements")


@bp.post("/<care_plan_id>/requirements/<key>/reopening")
@may("requirements")
def reopen_requirement(care_plan_id: str, key: str) -> Response:
    course = find(care_plan_id)
    requirements.reopen(db.session(), actor(), course, key, clock.now(), _visit())
    return _saved(
        course,
        f"{course.plan_definition.plan.requirement(key).title}: marked as not complete.",
        "requirements",
    )


def _authorized(course: CarePlan, shown: Picture) -> Any:
    """Return how many visits an insurance still covers; None for a course without such a count."""
    counts = (
        requirements.count_of(course, one.rule, one.row) for one in shown.requirements if one.row.completed_at
    )
    return next((count for count in counts if count), None)


def find(care_plan_id: str) -> CarePlan:
    """Return the clinic's course with this id. Raises NotFound."""
    course = care_plans.by_public_id(db.session(), actor().clinic.id, care_plan_id)
    if course is None:
        raise NotFound
    return course


def _details() -> dict[str, Any]:
    days = {name: request.form.get(name, "") for name in ("valid_until_on", "valid_from_on")}
    return {
        "document": _text("document"),
        "approved_visits": request.form.get("approved_visits", type=int),
        **{name: read_date(name, text) if text else None for name, text in days.items()},
    }


def _visit() -> Any:
    wanted = request.form.get("appointment", "")
    return find_visit(wanted) if wanted else None


def _saved(course: CarePlan, words: str, part: str | None = None) -> Response:
    public_id = course.public_id
    db.session.commit()
    flash(words)
    return redirect(url_for(".show", care_plan_id=public_id, _anchor=part), 303)


def _text(name: str) -> str:
    return request.form.get(name, "").strip()[:300]
