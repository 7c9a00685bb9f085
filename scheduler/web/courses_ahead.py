"""What a course still needs: a booster that gets its time, a make-up for a missed visit, a longer phase for the rest.

Each is shown first where it moves something else, and tied to what was shown by the moves' token.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from scheduler import clock
from scheduler.database import db
from scheduler.domain.localtime import local_on
from scheduler.errors import Invalid, NoFitFound, Refusal, RuleBroken, SlotTaken, StalePreview, WrongStatus
from scheduler.http import signing
from scheduler.models.appointment import Appointment, appointments_of
from scheduler.models.care_plan import CarePlan
from scheduler.services.clinic import resources
from scheduler.services.course import lengths, make_ups, missed_doses
from scheduler.services.course.boosters import BoosterPlanner, book_proposed
from scheduler.services.course.course_pictures import changed_gaps
from scheduler.services.course.make_ups import MakeUpPlanner
from scheduler.services.planning.courses import is_projected
from scheduler.services.visit import move_tokens, moves
from scheduler.services.visit.move_times import MoveTimes
from scheduler.transactions import only_reads
from scheduler.web import times
from scheduler.web.care_plans import find
from scheduler.web.current import actor
from scheduler.web.local import read_start
from scheduler.web.refusals import may_be_overridden
from scheduler.web.shell import may
from scheduler.web.visits import find as find_visit

bp = Blueprint("courses_ahead", __name__)
EXPLAINED = (Invalid, NoFitFound, RuleBroken, SlotTaken, StalePreview, WrongStatus)


@dataclass(frozen=True)
class Choosing:
    """A visit without a time that gets one: how it is planned, what its pages are called, and where its times begin.

    `near_due`: around the day on which it is due; else with the next time after the day on which it was to be.
    """

    key: str
    endpoint: str
    planners: type[MakeUpPlanner] | type[BoosterPlanner]
    near_due: bool

    def planner(self, visit: Appointment) -> MakeUpPlanner | BoosterPlanner:
        place, people = times.chosen_place(), times.chosen_people() or None
        return self.planners(db.session(), actor(), visit, clock.now(), place, people)


BOOSTER = Choosing("booking", "booster", BoosterPlanner, near_due=True)
MAKE_UP = Choosing("make-up", "make_up", MakeUpPlanner, near_due=False)


@bp.get("/appointments/<visit_id>/booking")
@may("book")
def booster(visit_id: str) -> str | tuple[str, int]:
    return _choose(find_visit(visit_id), BOOSTER)


@bp.post("/appointments/<visit_id>/booking/times")
@may("book")
@only_reads
def booster_times(visit_id: str) -> str | tuple[str, int]:
    return _choose(find_visit(visit_id), BOOSTER)


@bp.post("/appointments/<visit_id>/booking/preview")
@may("book")
@only_reads
def preview_booster(visit_id: str) -> str | tuple[str, int]:
    return _preview(find_visit(visit_id), BOOSTER)


@bp.post("/appointments/<visit_id>/booking")
@may("book")
def book_booster(visit_id: str) -> Response | str | tuple[str, int]:
    """Give a proposed visit its time."""
    visit, now = find_visit(visit_id), clock.now()
    try:
        start, place, people = read_start(request.form), times.chosen_place(), times.chosen_people()
        book_proposed(db.session(), actor(), visit, start, now, place, people, _reason())
    except EXPLAINED as refusal:
        db.session.rollback()
        return _choose(find_visit(visit_id), BOOSTER, refusal)
    return _done(visit, f"{visit.numbered_title}: booked.")


@bp.get("/appointments/<visit_id>/make-up")
@may("book")
def make_up(visit_id: str) -> str | tuple[str, int]:
    """The times at which a visit that was canceled or missed can be made up for."""
    return _choose(find_visit(visit_id), MAKE_UP)


@bp.post("/appointments/<visit_id>/make-up/times")
@may("book")
@only_reads
def make_up_times(visit_id: str) -> str | tuple[str, int]:
    return _choose(find_visit(visit_id), MAKE_UP)


@bp.post("/appointments/<visit_id>/make-up/preview")
@may("book")
@only_reads
def preview_make_up(visit_id: str) -> str | tuple[str, int]:
    """Show what moves for a make-up at the chosen time."""
    return _preview(find_visit(visit_id), MAKE_UP)


@bp.post("/appointments/<visit_id>/make-up")
@may("book")
def book_make_up(visit_id: str) -> Response | str | tuple[str, int]:
    """Book the make-up; refused when it would no longer be what was shown."""
    visit, now = find_visit(visit_id), clock.now()
    try:
        start, place, people = read_start(request.form), times.chosen_place(), times.chosen_people() or None
        planned = make_ups.plan_make_up(db.session(), actor(), visit, now, start, place, people, _reason())
        move_tokens.check(request.form.get("token", ""), planned.all_moves, actor(), signing.keys(), now)
        booked = make_ups.book_make_up(db.session(), actor(), planned, now, override_reason=_reason())
    except EXPLAINED as refusal:
        db.session.rollback()
        return _choose(find_visit(visit_id), MAKE_UP, refusal)
    return _done(booked, f"{booked.numbered_title}: rescheduled.")


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
    now, reason = clock.now(), _reason()
    return list(lengths.change_length(db.session(), actor(), course, kind, phase, minutes, now, reason))


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
        by_override=may_be_overridden(refusal) or bool(_reason()),
        values=request.form,
    )


def _choose(visit: Appointment, job: Choosing, refusal: Refusal | None = None) -> str | tuple[str, int]:
    """Show the times of a visit; after a refusal with why, and where none can be shown with that alone."""
    now, strip, why = clock.now(), None, []
    try:
        found = MoveTimes(job.planner(visit))
        today = local_on(now, actor().clinic.zone)
        due = local_on(visit.start_at, actor().clinic.zone)
        start = _start_of(refusal)
        around = local_on(start, actor().clinic.zone) if start else due if job.near_due else None
        from_on = around - times.BEFORE if around else None
        whole = around if start else None
        after = max(today, due) + timedelta(days=1)
        strip = times.strip(found, found.action, from_on, after, spaced=True, whole=whole)
        if refusal is not None and start is not None:
            why = times.sentences(found, start, refusal.details.get("violations", []), visit.action)
    except EXPLAINED as one:
        refusal = refusal or one
    if strip is not None and times.wants_refresh():
        return render_template(
            "courses_ahead/_strip.html", visit=visit, job=job, strip=strip, filters=request.form
        )
    return _shown(visit, job, refusal, strip=strip, why=why)


def _start_of(refusal: Refusal | None) -> datetime | None:
    if not isinstance(refusal, NoFitFound | RuleBroken | SlotTaken | StalePreview):
        return None
    return read_start(request.form)


def _preview(visit: Appointment, job: Choosing) -> str | tuple[str, int]:
    """Show what is booked and what moves for it at the chosen time; nothing is kept."""
    try:
        planner = job.planner(visit)
        moves_of_it = planner.plan(read_start(request.form), override=times.wants_outside())
        broken = list(dict.fromkeys(one.words for one in planner.broken(moves_of_it)))
        planned = planner.make_up(moves_of_it) if isinstance(planner, MakeUpPlanner) else None
        all_moves = planned.all_moves if planned else moves_of_it
        token = move_tokens.sign(all_moves, actor(), signing.keys(), clock.now())
        ids = {segment.resource_id for segment in all_moves[0].visit.segments}
        names = resources.names(db.session(), actor().clinic.id, ids)
        page = _shown(visit, job, None, all_moves=all_moves, broken=broken, token=token, names=names)
    except EXPLAINED as refusal:
        db.session.rollback()
        return _choose(find_visit(visit.public_id), job, refusal)
    db.session.rollback()
    return page


def _shown(visit: Appointment, job: Choosing, refusal: Refusal | None, **more: Any) -> str | tuple[str, int]:
    page = render_template(
        "courses_ahead/choose.html",
        visit=visit,
        missed=missed_doses.of_visit(db.session(), visit),
        job=job,
        refusal=refusal,
        values=request.values,
        filters=request.values,
        **more,
    )
    return (page, refusal.status) if refusal else page


def _reason() -> str:
    return request.form.get("override_reason", "").strip()[:300]


def _done(visit: Appointment, words: str) -> Response:
    course = visit.care_plan.public_id if visit.care_plan else ""
    db.session.commit()
    flash(words)
    return redirect(url_for("care_plans.show", care_plan_id=course), 303)
