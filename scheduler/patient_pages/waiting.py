"""Waiting for an earlier time, and answering an offer of one."""

from __future__ import annotations

from datetime import time
from typing import Any

from flask import Response, request

from scheduler.database import db
from scheduler.errors import Invalid, NoFitFound, NotFound, RuleBroken, SlotTaken, WrongStatus
from scheduler.models.appointment import Appointment
from scheduler.models.waitlist import waiting_for
from scheduler.patient_pages.opening import NoSuchPage, Opened, bp, gone_to, opened, shown
from scheduler.patient_pages.visits import overview
from scheduler.services.patient.self_service import TooLate
from scheduler.services.waitlist import answering, entries
from scheduler.services.waitlist.answering import AlreadyTaken
from scheduler.services.waitlist.entries import WaitWishes

VISIT = "/visits/<token>/appointments/<visit_id>"
NOTICES = (2, 24, 48)  # hours before which a patient can say they must know
IMPOSSIBLE = (NoFitFound, RuleBroken, SlotTaken, WrongStatus)


@bp.get(f"{VISIT}/earlier")
def ask_earlier(token: str, visit_id: str) -> Response:
    page = opened(token)
    visit = page.visit(visit_id)
    return _form(page, visit) if page.choices(visit).earlier else overview(page)


@bp.post(f"{VISIT}/earlier")
def wait(token: str, visit_id: str) -> Response:
    """Wait for an earlier time; sent again, it changes what was asked."""
    page = opened(token)
    visit = page.visit(visit_id)
    page.check(visit, "earlier")
    if not page.choices(visit).earlier:
        raise TooLate
    try:
        entries.wait_for_earlier(db.session(), page.actor, visit, _wishes(), page.now, "patient")
    except Invalid as refused:
        db.session.rollback()
        page = opened(token)
        wrong = [error["field"] for error in refused.details["errors"]]
        return _form(page, page.visit(visit_id), refused.status, wrong)
    return gone_to(page, "waiting")


@bp.post(f"{VISIT}/earlier/removal")
def stop_waiting(token: str, visit_id: str) -> Response:
    page = opened(token)
    visit = page.visit(visit_id)
    page.check(visit, "earlier removal")
    entry = waiting_for(db.session(), visit)
    if entry is not None:
        entries.remove(db.session(), page.actor, entry, page.now)
    return gone_to(page, "not-waiting")


@bp.post("/visits/<token>/offers/<offer_id>")
def answer_offer(token: str, offer_id: str) -> Response:
    """Say yes or no to an earlier time. The first yes gets it; who comes later reads that it is taken."""
    page = opened(token)
    try:
        one = answering.find(db.session(), page.clinic, offer_id)
    except NotFound:
        raise NoSuchPage from None
    if one.entry.patient_id != page.patient.id:
        raise NoSuchPage
    page.check(one, "offer")
    if request.form.get("answer") != "yes":
        answering.decline(db.session(), page.actor, one, page.now)
        return gone_to(page, "offer-declined")
    try:
        answering.accept(db.session(), page.actor, one, page.now)
    except AlreadyTaken as late:
        db.session.rollback()
        return overview(opened(token), late.status, late.code)
    except IMPOSSIBLE as refused:
        db.session.rollback()
        return overview(opened(token), refused.status, "offer-impossible")
    return gone_to(page, "offer-accepted")


def _form(page: Opened, visit: Appointment, status: int = 200, wrong: list[str] | None = None) -> Response:
    formats, entry = page.speech.formats, waiting_for(db.session(), visit)
    wishes = page.patient.preferences
    given: dict[str, Any] = {
        "weekdays": entry.weekdays if entry else wishes.get("weekdays", []),
        "earliest": (entry.earliest and entry.earliest.isoformat("minutes"))
        if entry
        else wishes.get("earliest"),
        "latest": (entry.latest and entry.latest.isoformat("minutes")) if entry else wishes.get("latest"),
        "notice": entry.notice_hours if entry else NOTICES[1],
    }
    return shown(
        "patient_pages/earlier.html",
        page,
        status,
        visit=visit,
        entry=entry,
        given=given,
        wrong=wrong or [],
        notices=NOTICES,
        days=[(number, formats.weekday(number)) for number in formats.week],
    )


def _wishes() -> WaitWishes:
    """Return what the form asks for. Raises Invalid for a time that is none."""
    form = request.form
    hours = form.get("notice", "")
    return WaitWishes(
        weekdays=tuple(int(day) for day in form.getlist("weekdays") if day in set("1234567")),
        earliest=_time("earliest"),
        latest=_time("latest"),
        notice_hours=int(hours) if hours in {str(one) for one in NOTICES} else NOTICES[1],
    )


def _time(name: str) -> time | None:
    text = request.form.get(name, "")
    try:
        found = time.fromisoformat(text) if text else None
    except ValueError:
        raise Invalid([(name, "is not a time")]) from None
    if found is not None and found.tzinfo is not None:
        raise Invalid([(name, "is not a time of the clinic")])
    return found
