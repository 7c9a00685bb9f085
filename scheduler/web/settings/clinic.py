"""What the clinic is called, where it is, how it writes dates, and how it appears in patients' mail and calendars."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import render_template, request
from werkzeug.wrappers import Response

from scheduler import clock
from scheduler.database import db
from scheduler.domain.formats import LOCALES, locale_name
from scheduler.domain.localtime import to_local
from scheduler.errors import Invalid
from scheduler.services.clinic import clinics
from scheduler.services.mail import settings_changes
from scheduler.web.current import actor
from scheduler.web.settings.blueprint import bp, by_field, saved
from scheduler.web.shell import may

TOLD = ("name", "phone", "address")
WORDS = ("mail_name", "visit_label")
CHOICES = ("locale",)
FLAGS = ("clock_24_hours", "show_location", "show_hidden_visits")


@bp.get("/clinic")
@may("settings")
def clinic() -> str:
    own = actor().clinic
    values = {name: getattr(own, name) for name in TOLD}
    return _page(values | {name: getattr(own.settings, name) for name in (*WORDS, *CHOICES, *FLAGS)})


@bp.post("/clinic")
@may("settings")
def save_clinic() -> Response | tuple[str, int]:
    told, shown = _given(TOLD), _given(WORDS) | {name: name in request.form for name in FLAGS}
    shown |= {name: request.form[name] for name in CHOICES if name in request.form}
    wrong: list[tuple[str, str]] = []
    for change, fields in ((clinics.change, told), (settings_changes.change, shown)):
        try:
            change(db.session(), actor(), fields, clock.now())
        except Invalid as refusal:
            wrong += by_field(refusal).items()
    if wrong:
        db.session.rollback()
        refused = Invalid(wrong)
        return _page(told | shown, refused), refused.status
    return saved(".clinic", "Saved.")


def _given(names: tuple[str, ...]) -> dict[str, Any]:
    return {name: request.form.get(name, "") for name in names}


def _page(values: Mapping[str, Any], refusal: Invalid | None = None) -> str:
    return render_template(
        "settings/clinic.html",
        values=values,
        errors=by_field(refusal),
        locales=[(code, locale_name(code)) for code in LOCALES],
        example=actor().clinic.formats.spoken(to_local(clock.now(), actor().clinic.zone)),
    )
