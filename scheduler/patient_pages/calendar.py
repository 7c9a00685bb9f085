"""Subscribing to the own calendar: an address that is shown once, a button for each client, rotate and switch off.

There may be several addresses, one for each phone or computer; each is renewed and switched off by itself.
"""

from __future__ import annotations

from flask import Response, current_app, request

from config import Settings
from scheduler.database import db
from scheduler.models import calendar_feed
from scheduler.models.calendar_feed import CalendarFeed, TitleStyle
from scheduler.patient_pages.opening import NoSuchPage, Opened, bp, opened, shown
from scheduler.services.feed import feeds, subscribing

PATH = "/visits/<token>/calendar"
ONE = f"{PATH}/<feed_id>"
MOST = 5  # addresses of one patient at a time
ALARMS = ("60", "120", "1440")  # minutes before
NAMES = {
    "apple": "Apple",
    "google": "Google",
    "outlook": "Outlook.com",
    "office": "Outlook (work or school)",
    "thunderbird": "Thunderbird",
}


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
    style = TitleStyle.KIND if request.form.get("title_style") == TitleStyle.KIND else TitleStyle.NEUTRAL
    asked = request.form.get("alarm_minutes", "")
    alarm = int(asked) if asked in ALARMS else None
    made = feeds.create(db.session(), page.actor, page.patient.resource_id, style, page.now, alarm)
    db.session.commit()
    return _page(page, made)


@bp.post(f"{ONE}/rotation")
def rotate_calendar(token: str, feed_id: str) -> Response:
    """Replace one address by a new one like it."""
    page = opened(token)
    feed = _feed(page, feed_id)
    page.check(feed, "rotation")
    made = feeds.rotate(db.session(), page.actor, feed, page.now)
    db.session.commit()
    return _page(page, made)


@bp.post(f"{ONE}/revocation")
def switch_off_calendar(token: str, feed_id: str) -> Response:
    page = opened(token)
    feed = _feed(page, feed_id)
    page.check(feed, "revocation")
    feeds.revoke(db.session(), page.actor, feed, page.now)
    db.session.commit()
    return _page(page, off="off")


@bp.post(f"{PATH}/revocation")
def switch_off_calendars(token: str) -> Response:
    """Switch every address off."""
    page = opened(token)
    page.check(page.patient, "revocation")
    for feed in _own(page):
        feeds.revoke(db.session(), page.actor, feed, page.now)
    db.session.commit()
    return _page(page, off="off-all")


def _page(page: Opened, made: tuple[CalendarFeed, str] | None = None, off: str = "") -> Response:
    settings: Settings = current_app.config["SETTINGS"]
    return shown(
        "patient_pages/calendar.html",
        page,
        made=subscribing.offer(settings.public_url, made[1]) if made else None,
        made_id=made[0].id if made else None,
        off=off,
        own=_own(page),
        program=subscribing.program,
        alarms=ALARMS,
        names=NAMES,
    )


def _own(page: Opened) -> list[CalendarFeed]:
    return feeds.of_resource(db.session(), page.clinic.id, page.patient.resource_id)


def _feed(page: Opened, feed_id: str) -> CalendarFeed:
    """Return one of the patient's addresses, also one that is off by now. Raises NoSuchPage for anybody else's."""
    feed = calendar_feed.by_public_id(db.session(), page.clinic.id, feed_id)
    if feed is None or feed.resource_id != page.patient.resource_id:
        raise NoSuchPage
    return feed
