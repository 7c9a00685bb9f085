"""How the patient wishes to be reached: address, language, days and hours, reminders or none."""

from __future__ import annotations

from typing import Any

from flask import Response, request

from scheduler.database import db
from scheduler.domain.text import masked_address
from scheduler.errors import Invalid
from scheduler.notify.words import LANGUAGES
from scheduler.patient_pages.opening import Opened, bp, gone_to, opened, shown
from scheduler.services import private_links
from scheduler.services.patient import address_changes, patients
from scheduler.services.patient.unsubscribing import subscribe, unsubscribe

EITHER = (private_links.VISITS, private_links.UNSUBSCRIBE)


@bp.get("/visits/<token>/preferences")
def ask_preferences(token: str) -> Response:
    return _form(opened(token))


@bp.post("/visits/<token>/preferences")
def tell_preferences(token: str) -> Response:
    page = opened(token)
    page.check(page.patient, "preferences")
    try:
        patients.update(db.session(), page.actor, page.patient, _fields(page), page.now)
        asked = _ask_address(page)
    except Invalid as refused:
        db.session.rollback()
        wrong = [error["field"].partition(".")[0] for error in refused.details["errors"]]
        return _form(opened(token), refused.status, wrong)
    change = subscribe if request.form.get("reminders") == "yes" else unsubscribe
    change(db.session(), page.actor, page.patient, page.now)
    return gone_to(page, "address" if asked else "preferences")


@bp.get("/visits/<token>/unsubscription")
def ask_unsubscribe(token: str) -> Response:
    page = opened(token, EITHER, even_over=True)
    return shown("patient_pages/unsubscribe.html", page, done=page.patient.unsubscribed_at is not None)


@bp.post("/visits/<token>/unsubscription")
def tell_unsubscribe(token: str) -> Response:
    """Stop reminders: by the button, or by a mail program on its own (RFC 8058), which posts no mark."""
    page = opened(token, EITHER, even_over=True)
    unsubscribe(db.session(), page.actor, page.patient, page.now)
    db.session.commit()
    return shown("patient_pages/unsubscribe.html", page, done=True)


def _form(page: Opened, status: int = 200, wrong: list[str] | None = None) -> Response:
    formats = page.speech.formats
    changes = address_changes.of_patient(db.session(), page.patient, page.now)
    return shown(
        "patient_pages/preferences.html",
        page,
        status,
        wrong=wrong or [],
        days=[(number, formats.weekday(number)) for number in formats.week],
        languages=LANGUAGES,
        address=masked_address(page.patient.email) if page.patient.email else "",
        waiting=[masked_address(one.wanted) for one in changes if one.confirmed_at is None],
    )


def _ask_address(page: Opened) -> bool:
    """Ask for a new address, if one was typed. Returns whether a link was mailed to it."""
    typed = request.form.get("email", "").strip()
    change = typed and address_changes.ask(db.session(), page.actor, page.patient, typed, page.now)
    return bool(change)


def _fields(page: Opened) -> dict[str, Any]:
    form = request.form
    wishes = {
        "note": page.patient.preferences.get("note"),  # the desk's
        "weekdays": sorted(int(day) for day in form.getlist("weekdays") if day in "1234567" and day),
        "earliest": form.get("earliest") or None,
        "latest": form.get("latest") or None,
    }
    fields: dict[str, Any] = {"preferences": {name: value for name, value in wishes.items() if value}}
    if form.get("language") in LANGUAGES:
        fields["language"] = form["language"]
    return fields
