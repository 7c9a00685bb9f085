"""Weekly hours, of the clinic and of one person or place: up to two stretches a day."""

from __future__ import annotations

from collections.abc import Mapping

from flask import render_template, request
from werkzeug.wrappers import Response

from scheduler import clock
from scheduler.database import db
from scheduler.errors import Invalid
from scheduler.models.resource import Resource
from scheduler.models.schedule import ScheduleHours
from scheduler.models.schedule import hours as hours_of
from scheduler.services.clinic import places, schedules
from scheduler.services.clinic.schedules import Hours
from scheduler.web.current import actor
from scheduler.web.local import read_time, weekday_name
from scheduler.web.settings.blueprint import bp, by_field, displaced_ahead, saved_availability
from scheduler.web.shell import may

STRETCHES = 2


@bp.get("/hours")
@may("settings")
def hours() -> str:
    return _page(None, "")


@bp.post("/hours")
@may("settings")
def save_hours() -> Response | tuple[str, int]:
    before = displaced_ahead()
    try:
        schedules.set_hours(db.session(), actor(), None, _read(request.form), clock.now())
    except Invalid as refusal:
        db.session.rollback()
        return _page(None, "", refusal), refusal.status
    return saved_availability(".hours", before)


@bp.get("/people/<person_id>/hours")
@may("people")
def shifts(person_id: str) -> str:
    return _page(*_person(person_id))


@bp.post("/people/<person_id>/hours")
@may("people")
def save_shifts(person_id: str) -> Response | tuple[str, int]:
    resource, name = _person(person_id)
    before = displaced_ahead()
    try:
        schedules.set_hours(db.session(), actor(), resource, _read(request.form), clock.now())
    except Invalid as refusal:
        db.session.rollback()
        return _page(*_person(person_id), refusal), refusal.status
    return saved_availability(".people", before, f"The hours of {name} are saved.")


def _person(person_id: str) -> tuple[Resource, str]:
    person = places.get_practitioner(db.session(), actor().clinic, person_id)
    return person.resource, person.name


def _page(resource: Resource | None, name: str, refusal: Invalid | None = None) -> str:
    rows = hours_of(db.session(), actor().clinic.id, resource.id if resource else None)
    return render_template(
        "settings/hours.html",
        name=name,
        stretches=STRETCHES,
        values=request.form if refusal else _values(rows),
        errors=by_field(refusal),
    )


def _values(rows: list[ScheduleHours]) -> Mapping[str, str]:
    """Return the fields of the form: starts-1-0 is Monday's first start."""
    values: dict[str, str] = {}
    for row in rows:
        place = next((n for n in range(STRETCHES) if f"starts-{row.weekday}-{n}" not in values), None)
        if place is not None and row.valid_until is None:
            values[f"starts-{row.weekday}-{place}"] = row.starts.isoformat("minutes")
            values[f"ends-{row.weekday}-{place}"] = row.ends.isoformat("minutes")
    return values


def _read(form: Mapping[str, str]) -> list[Hours]:
    found, errors = [], []
    for weekday in range(1, 8):
        name = weekday_name(weekday)
        for n in range(STRETCHES):
            starts, ends = form.get(f"starts-{weekday}-{n}", ""), form.get(f"ends-{weekday}-{n}", "")
            if not starts and not ends:
                continue
            if not starts or not ends:
                errors.append((f"starts-{weekday}-{n}", f"{name} needs both a start and an end"))
                continue
            found.append(Hours(weekday, read_time(name, starts), read_time(name, ends)))
    if errors:
        raise Invalid(errors)
    return found
