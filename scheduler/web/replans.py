"""A day that breaks: close it, a part of it, or one chair or person, and find new times for all that is displaced."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from scheduler import clock
from scheduler.database import db
from scheduler.domain.localtime import day_bounds, to_utc
from scheduler.errors import Invalid, NotFound, Refusal
from scheduler.models.replan import Replan
from scheduler.models.resource import Resource
from scheduler.models.schedule import ClosureKind
from scheduler.services import signs_of_life
from scheduler.services.account.permissions import allowed, require
from scheduler.services.clinic import schedules
from scheduler.services.replan import accepting, outdated, preview, replans, suggested, undoing
from scheduler.services.replan.affected import Scope
from scheduler.web.current import actor
from scheduler.web.local import read_date, read_instant, read_number
from scheduler.web.refusals import is_partial
from scheduler.web.resource_choice import ResourceChoice, chosen_resource, known_resources, known_sites
from scheduler.web.shell import may

bp = Blueprint("replans", __name__)
NOON, MIDNIGHT = time(12), time(0)
PARTS = ("day", "morning", "afternoon", "hours", "onward")
ONWARD_DAYS = 400  # as far as a booking horizon may be
FILTERS = ("", "planned", "ask", "unplaced", "accepted")


@dataclass(frozen=True)
class Closing:
    """What a form asks to close: the clinic (None) or one choice, from when to when, and why."""

    choice: ResourceChoice | None
    start: datetime
    end: datetime
    reason: str


@bp.get("/board/<on>/closing")
@may("close")
def closing(on: str) -> str:
    return _form(read_date("date", on))


@bp.post("/board/<on>/closing")
@may("close")
def close(on: str) -> Response | tuple[str, int]:
    """Close, and look for new times for what is displaced where that is asked for."""
    day, session, now = read_date("date", on), db.session(), clock.now()
    try:
        asked = _asked(day)
        resource = session.get_one(Resource, asked.choice.resource_id) if asked.choice else None
        kind = ClosureKind.LEAVE if asked.choice and asked.choice.is_person else ClosureKind.CLOSURE
        closure, affected = schedules.close(
            session, actor(), asked.start, asked.end, now, resource, kind, asked.reason
        )
        if not affected or not allowed(actor(), replans.MAY):
            db.session.commit()
            return redirect(url_for("board.day", on=day), 303)
        replan = replans.ask(session, actor(), now, replans.of_closure(closure), closure, closes=True)
    except Invalid as refusal:
        db.session.rollback()
        return _form(day, refusal), refusal.status
    db.session.commit()
    return redirect(url_for(".show", replan_id=replan.public_id), 303)


@bp.post("/replans")
@may("move")
def ask() -> Response:
    """Look for new times for everything that is displaced now."""
    replan = replans.ask(db.session(), actor(), clock.now(), Scope())
    db.session.commit()
    return redirect(url_for(".show", replan_id=replan.public_id), 303)


@bp.get("/replans/<replan_id>")
@may("move")
def show(replan_id: str) -> str:
    return _page(_get(replan_id))


@bp.post("/replans/<replan_id>/acceptance")
@may("move")
def accept(replan_id: str) -> Response | tuple[str, int]:
    """Accept the course of a button, or all that keep their protocol."""
    replan = _get(replan_id)
    course = request.form.get("course", "")
    reason = request.form.get("reason", "").strip()[:300]
    return _done(
        replan,
        lambda: accepting.ask(
            db.session(), actor(), replan, clock.now(), [course] if course else None, reason
        ),
    )


@bp.post("/replans/<replan_id>/suggestion")
@may("move")
def use_suggestion(replan_id: str) -> Response | tuple[str, int]:
    """Take a suggestion as the plan of a course that has none."""
    replan = _get(replan_id)
    course, number = request.form.get("course", ""), read_number(request.form.get("number", ""))
    return _done(replan, lambda: suggested.use(db.session(), replan, course, number))


@bp.post("/replans/<replan_id>/search")
@may("move")
def again(replan_id: str) -> Response | tuple[str, int]:
    replan = _get(replan_id)
    pinned, left_out = request.form.getlist("pinned"), request.form.getlist("left_out")
    return _done(replan, lambda: replans.again(db.session(), actor(), replan, clock.now(), pinned, left_out))


@bp.post("/replans/<replan_id>/stop")
@may("move")
def stop(replan_id: str) -> Response | tuple[str, int]:
    replan = _get(replan_id)
    return _done(replan, lambda: replans.stop(db.session(), actor(), replan, clock.now()))


@bp.post("/replans/<replan_id>/undo")
@may("move")
def undo(replan_id: str) -> Response | tuple[str, int]:
    replan = _get(replan_id)
    if replan.closes:
        require(actor(), "close")
    return _done(replan, lambda: undoing.ask(db.session(), actor(), replan, clock.now()))


def _get(replan_id: str) -> Replan:
    return replans.get(db.session(), actor().clinic, replan_id)


def _done(replan: Replan, step: Callable[[], object]) -> Response | tuple[str, int]:
    public_id = replan.public_id
    try:
        step()
    except Refusal as refusal:
        db.session.rollback()
        return _page(_get(public_id), refusal), refusal.status
    db.session.commit()
    return redirect(url_for(".show", replan_id=public_id), 303)


def _asked(on: date) -> Closing:
    form, zone = request.form, actor().clinic.zone
    key, part = form.get("resource", ""), form.get("part", PARTS[0])
    choice = chosen_resource(key) if key else None
    if key and choice is None:
        raise NotFound
    if part not in PARTS:
        raise Invalid([("part", "is not a choice")])
    start, end = day_bounds(on, zone)
    noon = to_utc(datetime.combine(on, NOON), zone)
    if part == "hours":
        start, until = read_instant("from", on, _time("from")), _time("until")
        if until != MIDNIGHT:  # else the end of this day
            end = read_instant("until", on, until)
    elif part == "onward":
        if choice is None:
            raise Invalid([("resource", "choose who leaves, or which chair or room")])
        end = day_bounds(on + timedelta(days=ONWARD_DAYS), zone)[0]
    elif part != "day":
        start, end = (start, noon) if part == "morning" else (noon, end)
    return Closing(choice, start, end, form.get("reason", ""))


def _time(name: str) -> time:
    try:
        return time.fromisoformat(request.form.get(name, ""))
    except ValueError:
        raise Invalid([(name, "must be a time such as 1:30 PM")]) from None


def _form(on: date, refusal: Refusal | None = None) -> str:
    values = request.form or request.args
    return render_template(
        "replans/_closing.html" if is_partial() else "replans/closing.html",
        on=on,
        known=[*known_resources(), *known_sites()],
        values=values,
        parts=PARTS,
        refusal=refusal,
    )


def _page(replan: Replan, refusal: Refusal | None = None) -> str:
    session, now = db.session(), clock.now()
    clinic = actor().clinic
    courses = preview.of_replan(session, clinic, replan)
    told = preview.told(session, clinic, courses)
    search, step = replans.search_of(session, replan), replans.step_of(session, replan)
    searching, moving = replans.is_open(search), replans.is_open(step)
    gone = (
        {} if searching or moving else outdated.outdated(session, clinic, [one.row for one in courses], now)
    )
    shown = request.args.get("show", "")
    return render_template(
        "replans/show.html",
        replan=replan,
        name=preview.name_of(session, replan),
        courses=[one for one in courses if shown in ("", one.row.state)],
        totals=preview.totals(courses),
        successors=preview.successors(session, replan),
        told=told,
        patients=preview.patient_counts(courses, told, gone),
        outdated=gone,
        chosen=preview.chosen(session, clinic, replan),
        filters=FILTERS,
        shown=shown,
        search=search,
        searching=searching,
        step=step,
        moving=moving,
        can_undo=undoing.is_open(replan, now) and (not replan.closes or allowed(actor(), "close")),
        undo_obstacle="" if moving else undoing.obstacle(session, replan),
        alone=signs_of_life.is_worker_gone(session, now),
        refusal=refusal,
    )
