"""Subscribing to the own calendar: an address that is shown once, a button for each client, rotate and switch off."""

from __future__ import annotations

from flask import Response, current_app, request

from config import Settings
from scheduler.database import db
from scheduler.models.calendar_feed import CalendarFeed
from scheduler.patient_pages.opening import Opened, bp, opened, shown
from scheduler.services.feed import feeds, subscribing

PATH = "/visits/<token>/calendar"
MOST = 5  # addresses of one patient at a time


@bp.get(PATH)
def ask_calendar(token: str) -> Response:
    return _page(opened(token))


@bp.post(PATH)
def make_calendar(token: str) -> Response:
    """Make an address; the oldest goes when there are too many."""
    page = opened(token)
    page.check(page.patient, "calendar")
    own = _own(page)
    for feed in own[: max(0, len(own) - MOST + 1)]:
        feeds.revoke(db.session(), page.actor, feed, page.now)
    kind = "kind" if request.form.get("title_style") == "kind" else "neutral"
    _, secret = feeds.create(db.session(), page.actor, page.patient.resource_id, kind, page.now)
    db.session.commit()
    return _page(page, secret)


@bp.post(f"{PATH}/rotation")
def rotate_calendar(token: str) -> Response:
    """Replace every address by a new one."""
    page = opened(token)
    page.check(page.patient, "rotation")
    own = _own(page)
    for feed in own[1:]:
        feeds.revoke(db.session(), page.actor, feed, page.now)
    secret = feeds.rotate(db.session(), page.actor, own[0], page.now)[1] if own else None
    db.session.commit()
    return _page(page, secret)


@bp.post(f"{PATH}/revocation")
def switch_off_calendar(token: str) -> Response:
    """Switch every address off."""
    page = opened(token)
    page.check(page.patient, "revocation")
    for feed in _own(page):
        feeds.revoke(db.session(), page.actor, feed, page.now)
    db.session.commit()
    return _page(page, off=True)


def _page(page: Opened, secret: str | None = None, off: bool = False) -> Response:
    settings: Settings = current_app.config["SETTINGS"]
    made = subscribing.offer(settings.public_url, secret) if secret is not None else None
    return shown(
        "visits/calendar.html", page, made=made, off=off, own=_own(page), program=subscribing.program
    )


def _own(page: Opened) -> list[CalendarFeed]:
    return feeds.of_resource(db.session(), page.clinic.id, page.patient.resource_id)
