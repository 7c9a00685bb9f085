"""The waitlist: who waits for an earlier time, what time got free, who could take it, and the offers made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from scheduler import clock
from scheduler.database import db
from scheduler.domain.plans import Action
from scheduler.errors import Invalid, NotFound, Refusal
from scheduler.models import appointment as appointments
from scheduler.models import plan_definition as definitions
from scheduler.models.appointment import Appointment
from scheduler.models.opening import Opening
from scheduler.models.patient import Patient
from scheduler.models.plan_definition import PlanDefinition
from scheduler.models.waitlist import Priority, WaitlistEntry, waiting_for
from scheduler.services.patient import patients
from scheduler.services.planning.course_rules import without_course
from scheduler.services.task.emailed_proposals import may_be_emailed
from scheduler.services.waitlist import answering, entries, listing, offering, openings, who_fits
from scheduler.services.waitlist.entries import WaitWishes
from scheduler.web.current import actor
from scheduler.web.local import read_date, read_time
from scheduler.web.refusals import is_partial
from scheduler.web.shell import may

bp = Blueprint("waitlist", __name__)
MOST_SHOWN = 20  # of those who could take a time
NOTICES = (0, 2, 4, 24, 48, 72)  # hours that the form offers


@bp.get("/waitlist")
@may("view")
def index() -> str:
    """What is open, then who waits, the most urgent first."""
    now = clock.now()
    return render_template(
        "waitlist/index.html",
        openings=openings.listed(db.session(), actor().clinic, now),
        entries=listing.with_offers(db.session(), actor().clinic, now),
        places=_places(),
        now=now,
    )


@bp.get("/waitlist/new")
@may("book")
def form() -> str:
    return _form(_subject())


@bp.post("/waitlist/new")
@may("book")
def add() -> Response | tuple[str, int]:
    """Put a patient on the waitlist: for a booked visit, for one to book, or for a course."""
    subject, session, now = _subject(), db.session(), clock.now()
    try:
        wishes = _wishes()
        if subject.visit is not None:
            entries.wait_for_earlier(session, actor(), subject.visit, wishes, now)
        else:
            definition, action = _wanted()
            entries.wait_for_booking(session, actor(), subject.patient, definition, action, wishes, now)
    except Refusal as refusal:
        db.session.rollback()
        return _form(_subject(), refusal), refusal.status
    db.session.commit()
    flash(f"{subject.patient.name} is on the waitlist.")
    return redirect(url_for(".index"), 303)


@bp.post("/waitlist/<entry_id>/removal")
@may("book")
def remove(entry_id: str) -> Response:
    entry = entries.find(db.session(), actor().clinic, entry_id)
    entries.remove(db.session(), actor(), entry, clock.now())
    db.session.commit()
    flash(f"{entry.patient.name} is off the waitlist.")
    return redirect(url_for(".index"), 303)


@bp.get("/openings/<opening_id>")
@may("move")
def opening(opening_id: str) -> str:
    """An opened time: who could take it, or what was offered."""
    return _opening(_find(opening_id))


@bp.post("/openings/<opening_id>/offers")
@may("move")
def offer(opening_id: str) -> Response | tuple[str, int] | str:
    """Offer the time to those who were chosen."""
    wanted = set(request.form.getlist("entry"))

    def act(found: Opening, now: datetime) -> None:
        chosen = offering.choose(db.session(), actor(), found, wanted, now)
        offering.offer(db.session(), actor(), found, chosen, now)

    return _done(opening_id, act)


@bp.post("/openings/<opening_id>/withdrawal")
@may("move")
def withdraw(opening_id: str) -> Response | tuple[str, int] | str:
    return _done(opening_id, lambda found, now: offering.withdraw(db.session(), actor(), found, now))


@bp.post("/openings/<opening_id>/dismissal")
@may("move")
def dismiss(opening_id: str) -> Response | tuple[str, int] | str:
    """Keep the time free: nothing more is offered of it."""
    return _done(
        opening_id, lambda found, now: offering.withdraw(db.session(), actor(), found, now, dismiss=True)
    )


@bp.post("/openings/<opening_id>/offers/<offer_id>")
@may("move")
def answer(opening_id: str, offer_id: str) -> Response | tuple[str, int] | str:
    """Enter what a patient said by phone."""

    def act(found: Opening, now: datetime) -> None:
        one = answering.find(db.session(), actor().clinic, offer_id)
        if one.opening_id != found.id:
            raise NotFound
        if request.form.get("answer") == "yes":
            answering.accept(db.session(), actor(), one, now)
        else:
            answering.decline(db.session(), actor(), one, now)

    return _done(opening_id, act)


@dataclass(frozen=True)
class _Subject:
    """For whom someone asks, and for which booked visit, if any."""

    patient: Patient
    visit: Appointment | None


def _find(opening_id: str) -> Opening:
    return openings.find(db.session(), actor().clinic, opening_id)


def _done(opening_id: str, act: Callable[[Opening, datetime], None]) -> Response | tuple[str, int] | str:
    try:
        act(openings.find(db.session(), actor().clinic, opening_id, lock=True), clock.now())
    except Refusal as refusal:
        db.session.rollback()
        return _opening(_find(opening_id), refusal), refusal.status
    db.session.commit()
    if is_partial():
        return _opening(_find(opening_id))
    return redirect(url_for(".opening", opening_id=opening_id), 303)


def _opening(found: Opening, refusal: Refusal | None = None) -> str:
    now, session = clock.now(), db.session()
    waiting = offering.open_offers(found)
    asked = sorted(one.entry_id for one in found.offers)
    searching = found.closed_at is None and found.end_at > now and not waiting
    return render_template(
        "waitlist/_opening.html" if is_partial() else "waitlist/opening.html",
        opening=found,
        places=_places(),
        waiting=waiting,
        answered=[one for one in found.offers if one not in waiting],
        candidates=who_fits.one_each(
            who_fits.candidates(session, actor(), found, now, MOST_SHOWN, asked) if searching else []
        ),
        searching=searching,
        at_once=actor().clinic.settings.offers_at_once,
        minutes=actor().clinic.settings.offer_minutes,
        mailed=may_be_emailed,
        refusal=refusal,
        now=now,
    )


def _places() -> dict[int, str]:
    """Return the names of chairs and rooms by the ids of their resources."""
    return listing.place_names(db.session(), actor().clinic)


def _subject() -> _Subject:
    clinic = actor().clinic
    if visit_id := request.values.get("visit", ""):
        visit = appointments.by_public_id(db.session(), clinic.id, visit_id)
        if visit is None:
            raise NotFound
        return _Subject(visit.patient, visit)
    return _Subject(patients.get(db.session(), clinic, request.values.get("patient", "")), None)


def _kinds() -> list[tuple[PlanDefinition, Action | None]]:
    """Return what a patient can wait for without a booking: visits that need no course, and whole courses."""
    found: list[tuple[PlanDefinition, Action | None]] = []
    for definition in definitions.all_current(db.session(), actor().clinic.id):
        found.append((definition, None))
        found += [(definition, one) for one in definition.plan.firm if not without_course(one)]
    return found


def _wanted() -> tuple[PlanDefinition, str]:
    key, _, action = request.form.get("wanted", "").partition(" ")
    for definition, one in _kinds():
        if definition.key == key and action == (one.key if one else ""):
            return definition, action
    raise Invalid([("wanted", "must be one of the visits or courses listed")])


def _wishes() -> WaitWishes:
    form = request.form
    until, hours, priority = form.get("until_on", ""), form.get("notice_hours", "0"), form.get("priority", "")
    if not hours.isdecimal():
        raise Invalid([("notice_hours", "must be a number of hours")])
    if priority and priority not in set(Priority):
        raise Invalid([("priority", f"must be one of {', '.join(Priority)}")])
    return WaitWishes(
        until_on=read_date("until_on", until) if until else None,
        weekdays=tuple(int(day) for day in form.getlist("weekdays") if day in set("1234567")),
        earliest=_time("earliest"),
        latest=_time("latest"),
        notice_hours=int(hours),
        priority=Priority(priority) if priority else Priority.NORMAL,
        reason=form.get("reason", ""),
    )


def _time(name: str) -> time | None:
    text = request.form.get(name, "")
    return read_time(name, text) if text else None


def _form(subject: _Subject, refusal: Refusal | None = None) -> str:
    entry = waiting_for(db.session(), subject.visit) if subject.visit else None
    return render_template(
        "waitlist/_form.html" if is_partial() else "waitlist/form.html",
        patient=subject.patient,
        visit=subject.visit,
        kinds=[] if subject.visit else _kinds(),
        values=request.form if request.method == "POST" else _values(entry),
        weekdays=_weekdays(entry),
        entry=entry,
        notices=sorted({*NOTICES, entry.notice_hours}) if entry else NOTICES,
        refusal=refusal,
    )


def _values(entry: WaitlistEntry | None) -> dict[str, Any]:
    if entry is None:
        return {}
    return {
        "until_on": entry.until_on.isoformat() if entry.until_on else "",
        "earliest": entry.earliest.isoformat("minutes") if entry.earliest else "",
        "latest": entry.latest.isoformat("minutes") if entry.latest else "",
        "notice_hours": str(entry.notice_hours),
        "priority": entry.priority.value,
        "reason": entry.reason,
    }


def _weekdays(entry: WaitlistEntry | None) -> set[int]:
    if request.method == "POST":
        return {int(day) for day in request.form.getlist("weekdays") if day in set("1234567")}
    return set(entry.weekdays) if entry else set()
