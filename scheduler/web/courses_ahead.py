"""What a course still needs: a booster that gets its time, a make-up for a missed visit, a longer phase for the rest.

Each is shown first where it moves something else, and tied to what was shown by the moves' token.
"""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from scheduler import clock
from scheduler.database import db
from scheduler.errors import Invalid, NoFitFound, Refusal, SlotTaken, WrongStatus
from scheduler.http import signing
from scheduler.models.appointment import Appointment, appointments_of
from scheduler.models.care_plan import CarePlan
from scheduler.services.course import lengths, make_ups, missed_doses
from scheduler.services.course.boosters import book_proposed
from scheduler.services.course.course_pictures import changed_gaps
from scheduler.services.course.make_ups import MakeUp
from scheduler.services.planning.courses import is_projected
from scheduler.services.visit import move_tokens, moves
from scheduler.web.care_plans import find
from scheduler.web.current import actor
from scheduler.web.local import read_date, read_instant, read_time
from scheduler.web.shell import may
from scheduler.web.visits import find as find_visit

bp = Blueprint("courses_ahead", __name__)
EXPLAINED = (Invalid, NoFitFound, SlotTaken, WrongStatus)


@bp.get("/appointments/<visit_id>/booking")
@may("book")
def booster(visit_id: str) -> str:
    return _booster(find_visit(visit_id))


@bp.post("/appointments/<visit_id>/booking")
@may("book")
def book_booster(visit_id: str) -> Response | tuple[str, int]:
    """Give a proposed visit its time."""
    visit = find_visit(visit_id)
    try:
        on = read_date("date", request.form.get("date", ""))
        start = read_instant("time", on, read_time("time", request.form.get("time", "")))
        book_proposed(db.session(), actor(), visit, start, clock.now())
    except EXPLAINED as refusal:
        db.session.rollback()
        return _booster(find_visit(visit_id), refusal), refusal.status
    return _done(visit, f"{visit.title}: booked.")


@bp.get("/appointments/<visit_id>/make-up")
@may("book")
def make_up(visit_id: str) -> str | tuple[str, int]:
    """Show the best make-up for a visit that was cancelled or missed, and what moves for it."""
    visit = find_visit(visit_id)
    try:
        planned = make_ups.plan_make_up(db.session(), actor(), visit, clock.now())
    except EXPLAINED as refusal:
        return _make_up(visit, refusal=refusal), refusal.status
    return _make_up(visit, planned)


@bp.post("/appointments/<visit_id>/make-up")
@may("book")
def book_make_up(visit_id: str) -> Response | tuple[str, int]:
    """Book the make-up; refused when it would no longer be what was shown."""
    visit, now = find_visit(visit_id), clock.now()
    try:
        planned = make_ups.plan_make_up(db.session(), actor(), visit, now)
        if request.form.get("start") != planned.visit.start.isoformat():
            raise SlotTaken("The suggested time has changed; please check it again")
        booked = make_ups.book_make_up(db.session(), actor(), planned, now)
    except EXPLAINED as refusal:
        db.session.rollback()
        return _make_up(find_visit(visit_id), refusal=refusal), refusal.status
    return _done(booked, f"{booked.title}: rescheduled.")


def _make_up(visit: Appointment, planned: MakeUp | None = None, refusal: Refusal | None = None) -> str:
    missed = missed_doses.of_visit(db.session(), visit)
    return render_template(
        "courses_ahead/make_up.html", visit=visit, planned=planned, refusal=refusal, missed=missed
    )


@bp.get("/care-plans/<care_plan_id>/lengths")
@may("move")
def length(care_plan_id: str) -> str:
    return _length(find(care_plan_id))


@bp.post("/care-plans/<care_plan_id>/lengths/preview")
@may("move")
def preview_length(care_plan_id: str) -> str | tuple[str, int]:
    """Show what a new length moves; the rows that were changed to find out are rolled back."""
    course = find(care_plan_id)
    phases = _phases(course)  # as they are, before they are changed to find out
    try:
        planned = _planned(course)
        token = move_tokens.sign(planned, actor(), signing.keys(), clock.now())
        page = _length(course, planned, token, phases=phases)
    except EXPLAINED as refusal:
        db.session.rollback()
        return _length(find(care_plan_id), refusal=refusal), refusal.status
    db.session.rollback()
    return page


@bp.post("/care-plans/<care_plan_id>/lengths")
@may("move")
def save_length(care_plan_id: str) -> Response | tuple[str, int]:
    course, now = find(care_plan_id), clock.now()
    try:
        planned = _planned(course)
        move_tokens.check(request.form.get("token", ""), planned, actor(), signing.keys(), now)
        moves.apply_moves(db.session(), actor(), planned, now, "another length")
    except Refusal as refusal:
        db.session.rollback()
        return _length(find(care_plan_id), refusal=refusal), refusal.status
    db.session.commit()
    flash("Visit length changed for the rest of the course.")
    return redirect(url_for("care_plans.show", care_plan_id=care_plan_id), 303)


def _planned(course: CarePlan) -> list[moves.Move]:
    kind, _, phase = request.form.get("phase", "").partition("/")
    minutes = request.form.get("minutes", type=int) or 0
    return list(lengths.change_length(db.session(), actor(), course, kind, phase, minutes, clock.now()))


def _phases(course: CarePlan) -> list[tuple[str, str]]:
    """Return the phases of the visits ahead, with how long they take now."""
    now = clock.now()
    known = {
        (f"{visit.kind}/{phase['name']}", f"{visit.title}: {phase['name']}, now {phase['minutes']} min")
        for visit in appointments_of(course)
        if visit.status.is_ahead and visit.start_at > now and not is_projected(visit)
        for phase in visit.phases
    }
    return sorted(known, key=lambda pair: pair[1])


def _length(
    course: CarePlan,
    planned: list[moves.Move] | None = None,
    token: str = "",
    refusal: Refusal | None = None,
    phases: list[tuple[str, str]] | None = None,
) -> str:
    return render_template(
        "courses_ahead/lengths.html",
        course=course,
        phases=phases if phases is not None else _phases(course),
        planned=planned,
        gaps=changed_gaps(db.session(), actor().clinic, planned) if planned else [],
        token=token,
        refusal=refusal,
        values=request.form,
    )


def _booster(visit: Appointment, refusal: Refusal | None = None) -> str:
    return render_template("courses_ahead/booster.html", visit=visit, refusal=refusal, values=request.form)


def _done(visit: Appointment, words: str) -> Response:
    course = visit.care_plan.public_id if visit.care_plan else ""
    db.session.commit()
    flash(words)
    return redirect(url_for("care_plans.show", care_plan_id=course), 303)
