"""Subscribing to the own calendar: an address that is shown once, a button for each client, rotate and switch off."""

from __future__ import annotations

from urllib.parse import quote

import qrcode
from flask import Response, current_app, request

from config import Settings
from scheduler.database import db
from scheduler.models.calendar_feed import CalendarFeed
from scheduler.patient_pages.opening import Opened, bp, opened, shown
from scheduler.services import feeds

PATH = "/visits/<token>/calendar"
GOOGLE = "https://calendar.google.com/calendar/render?cid="
OUTLOOK = "https://outlook.live.com/calendar/0/addfromweb?url="
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


def drawn(text: str) -> tuple[int, str]:
    """Return a QR code as the width of a square and the path of its dark cells."""
    code = qrcode.QRCode(border=4)
    code.add_data(text)
    cells = code.get_matrix()
    path = "".join(f"M{x} {y}h1v1h-1z" for y, row in enumerate(cells) for x, dark in enumerate(row) if dark)
    return len(cells), path


def _page(page: Opened, secret: str | None = None, off: bool = False) -> Response:
    made = {}
    if secret is not None:
        settings: Settings = current_app.config["SETTINGS"]
        url, webcal = feeds.addresses(settings.public_url, secret)
        width, path = drawn(webcal)
        made = {
            "url": url,
            "webcal": webcal,
            "google": GOOGLE + quote(webcal, safe=""),
            "outlook": OUTLOOK + quote(url, safe=""),
            "width": width,
            "path": path,
        }
    return shown("visits/calendar.html", page, made=made, off=off, own=_own(page))


def _own(page: Opened) -> list[CalendarFeed]:
    return feeds.of_resource(db.session(), page.clinic.id, page.patient.resource_id)
