"""Calendar subscriptions on the pages of patients and people: made, shown once, switched off."""

from __future__ import annotations

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from config import Settings
from scheduler import clock
from scheduler.database import db
from scheduler.errors import NotFound
from scheduler.models import calendar_feed
from scheduler.models.calendar_feed import CalendarFeed
from scheduler.services import feeds, patients, places
from scheduler.web.current import actor
from scheduler.web.shell import may

bp = Blueprint("feed_pages", __name__)


@bp.post("/patients/<patient_id>/feeds")
@may("feeds")
def for_patient(patient_id: str) -> str:
    patient = patients.get(db.session(), actor().clinic, patient_id)
    back = url_for("patients.show", patient_id=patient.public_id)
    return _made(patient.resource_id, patient.name, back)


@bp.post("/settings/people/<person_id>/feeds")
@may("feeds")
def for_person(person_id: str) -> str:
    person = places.get_practitioner(db.session(), actor().clinic, person_id)
    return _made(person.resource_id, person.name, url_for("settings.people"))


@bp.post("/calendar-feeds/<feed_id>/revocation")
@may("feeds")
def revoke(feed_id: str) -> Response:
    feed = _find(feed_id)
    feeds.revoke(db.session(), actor(), feed, clock.now())
    db.session.commit()
    flash("The calendar address is switched off.")
    return redirect(request.form.get("back", "/") if _is_ours(request.form.get("back", "/")) else "/", 303)


def _made(resource_id: int, name: str, back: str) -> str:
    style = request.form.get("title_style", "neutral")
    _, token = feeds.create(db.session(), actor(), resource_id, style, clock.now())
    settings: Settings = current_app.config["SETTINGS"]
    url, webcal = feeds.addresses(settings.public_url, token)
    page = render_template("patients/feed_made.html", name=name, url=url, webcal=webcal, back=back)
    db.session.commit()
    return page


def _find(feed_id: str) -> CalendarFeed:
    feed = calendar_feed.by_public_id(db.session(), actor().clinic.id, feed_id)
    if feed is None:
        raise NotFound
    return feed


def _is_ours(path: str) -> bool:
    return path.startswith("/") and not path.startswith(("//", "/\\"))
