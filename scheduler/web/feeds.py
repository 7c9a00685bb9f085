"""Calendar addresses of patients, people, chairs and rooms, and of the clinic: made, shown once, renewed, ended."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from config import Settings
from scheduler import clock
from scheduler.database import db
from scheduler.errors import Invalid, NotFound
from scheduler.http import access
from scheduler.models import calendar_feed
from scheduler.models import location as locations
from scheduler.models import practitioner as practitioners
from scheduler.models.calendar_feed import CalendarFeed
from scheduler.models.patient import Patient
from scheduler.models.practitioner import Practitioner
from scheduler.services.clinic import places
from scheduler.services.feed import feeds, subscribing
from scheduler.services.feed.feed_rows import owner
from scheduler.services.patient import patients
from scheduler.web.current import actor
from scheduler.web.local import read_number
from scheduler.web.settings.blueprint import by_field
from scheduler.web.shell import may

bp = Blueprint("feed_pages", __name__)


@dataclass(frozen=True)
class Subject:
    """Whose calendar: what they are called, their resource (None: the clinic), the page of their addresses."""

    name: str
    resource_id: int | None
    page: str
    is_patient: bool = False
    person: Practitioner | None = None


@bp.get("/calendars")
@may("feeds")
def index() -> str:
    clinic = actor().clinic
    return render_template(
        "feeds/index.html",
        clinic=clinic,
        people=practitioners.every(db.session(), clinic.id),
        places=locations.every(db.session(), clinic.id),
        mine=_mine(),
        feeds=feeds.of_clinic(db.session(), clinic.id),
        latest=feeds.latest_fetch,
        makers=feeds.makers,
    )


@bp.get("/calendars/mine")
@may("feeds")
def mine() -> Response:
    """Go to one's own calendar; anyone who treats no one sees the list."""
    person = _mine()
    return redirect(
        url_for(".of_person", person_id=person.public_id) if person else url_for(".index"),
        303,
    )


@bp.get("/calendars/clinic")
@may("feeds")
def of_clinic() -> str:
    return _page(_clinic())


@bp.post("/calendars/clinic")
@may("feeds")
def for_clinic() -> str | tuple[str, int]:
    return _make(_clinic())


@bp.get("/calendars/people/<person_id>")
@may("feeds")
def of_person(person_id: str) -> str:
    return _page(_person(places.get_practitioner(db.session(), actor().clinic, person_id)))


@bp.post("/calendars/people/<person_id>")
@may("feeds")
def for_person(person_id: str) -> str | tuple[str, int]:
    return _make(_person(places.get_practitioner(db.session(), actor().clinic, person_id)))


@bp.get("/calendars/places/<place_id>")
@may("feeds")
def of_place(place_id: str) -> str:
    place = places.get_location(db.session(), actor().clinic, place_id)
    return _page(Subject(place.name, place.resource_id, request.path))


@bp.post("/calendars/places/<place_id>")
@may("feeds")
def for_place(place_id: str) -> str | tuple[str, int]:
    place = places.get_location(db.session(), actor().clinic, place_id)
    return _make(Subject(place.name, place.resource_id, request.path))


@bp.get("/patients/<patient_id>/feeds")
@may("feeds")
def of_patient(patient_id: str) -> str:
    patient = patients.get(db.session(), actor().clinic, patient_id)
    return _page(_patient(patient))


@bp.post("/patients/<patient_id>/feeds")
@may("feeds")
def for_patient(patient_id: str) -> str | tuple[str, int]:
    patient = patients.get(db.session(), actor().clinic, patient_id)
    return _make(_patient(patient))


@bp.post("/calendar-feeds/<feed_id>/rotation")
@may("feeds")
def rotate(feed_id: str) -> str:
    feed = _find(feed_id)
    subject = _subject_of(feed)
    _, token = feeds.rotate(db.session(), actor(), feed, clock.now())
    return _shown_once(subject, token)


@bp.post("/calendar-feeds/<feed_id>/revocation")
@may("feeds")
def revoke(feed_id: str) -> Response:
    feed = _find(feed_id)
    back = _subject_of(feed).page
    feeds.revoke(db.session(), actor(), feed, clock.now())
    db.session.commit()
    flash("Calendar link turned off.")
    return redirect(back, 303)


def _make(subject: Subject) -> str | tuple[str, int]:
    style = request.form.get("title_style", "neutral")
    lengths = [_length(name) for name in ("alarm_minutes", "days_back", "days_ahead")]
    try:
        _, token = feeds.create(db.session(), actor(), subject.resource_id, style, clock.now(), *lengths)
    except Invalid as refusal:
        db.session.rollback()
        return _page(subject, refusal), refusal.status
    return _shown_once(subject, token)


def _shown_once(subject: Subject, token: str) -> str:
    settings: Settings = current_app.config["SETTINGS"]
    offer = subscribing.offer(settings.public_url, token)
    page = render_template("feeds/made.html", subject=subject, offer=offer)
    db.session.commit()
    return page


def _page(subject: Subject, refusal: Invalid | None = None) -> str:
    clinic = actor().clinic
    return render_template(
        "feeds/show.html",
        subject=subject,
        feeds=feeds.of_resource(db.session(), clinic.id, subject.resource_id),
        program=subscribing.program,
        label=clinic.settings.visit_label,
        values=request.form if refusal else {},
        errors=by_field(refusal),
    )


def _clinic() -> Subject:
    return Subject(actor().clinic.name, None, url_for(".of_clinic"))


def _person(person: Practitioner) -> Subject:
    page = url_for(".of_person", person_id=person.public_id)
    return Subject(person.name, person.resource_id, page, person=person)


def _patient(patient: Patient) -> Subject:
    access.touch(patient)  # the page gets the name alone
    page = url_for(".of_patient", patient_id=patient.public_id)
    return Subject(patient.name, patient.resource_id, page, is_patient=True)


def _subject_of(feed: CalendarFeed) -> Subject:
    whose = owner(db.session(), feed)
    if whose.patient is not None:
        return _patient(whose.patient)
    if whose.practitioner is not None:
        return _person(whose.practitioner)
    if whose.location is not None:
        page = url_for(".of_place", place_id=whose.location.public_id)
        return Subject(whose.location.name, feed.resource_id, page)
    return _clinic()


def _mine() -> Practitioner | None:
    user_id = actor().user_id
    return practitioners.of_user(db.session(), actor().clinic.id, user_id) if user_id else None


def _find(feed_id: str) -> CalendarFeed:
    feed = calendar_feed.by_public_id(db.session(), actor().clinic.id, feed_id)
    if feed is None:
        raise NotFound
    return feed


def _length(name: str) -> int | None:
    """Return a number of the form; nothing is what is usual, and what is no number is out of bounds."""
    text = request.form.get(name, "").strip()
    return read_number(text) if text else None
