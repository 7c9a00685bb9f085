"""Weekly hours, of the clinic and of one person: up to two stretches a day, now or from a later day on.

Special hours of a date replace the weekly ones of that day.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date

from flask import render_template, request, url_for
from werkzeug.wrappers import Response

from scheduler import clock
from scheduler.database import db
from scheduler.domain.localtime import local_on
from scheduler.errors import Invalid
from scheduler.models import schedule
from scheduler.models.resource import Resource
from scheduler.models.schedule import END_OF_DAY, ScheduleHours
from scheduler.services.clinic import places, schedules
from scheduler.services.clinic.schedules import MIDNIGHT, Hours
from scheduler.web.current import actor
from scheduler.web.local import read_date, read_time, weekday_name
from scheduler.web.settings.blueprint import bp, by_field, displaced_ahead, saved_availability
from scheduler.web.shell import may

STRETCHES = 2
Change = Callable[[Resource | None], object]


@bp.get("/hours")
@may("settings")
def hours() -> str:
    return _page("")


@bp.post("/hours")
@may("settings")
def save_hours() -> Response | tuple[str, int]:
    return _saved("", _set_weekly)


@bp.post("/hours/later/removal")
@may("settings")
def remove_later_hours() -> Response | tuple[str, int]:
    return _saved("", _remove_later)


@bp.post("/hours/dates")
@may("settings")
def save_dated_hours() -> Response | tuple[str, int]:
    """Give one date its own hours; without any it goes back to the weekly ones."""
    return _saved("", _set_dated)


@bp.get("/people/<person_id>/hours")
@may("people")
def shifts(person_id: str) -> str:
    return _page(person_id)


@bp.post("/people/<person_id>/hours")
@may("people")
def save_shifts(person_id: str) -> Response | tuple[str, int]:
    return _saved(person_id, _set_weekly)


@bp.post("/people/<person_id>/hours/later/removal")
@may("people")
def remove_later_shifts(person_id: str) -> Response | tuple[str, int]:
    return _saved(person_id, _remove_later)


@bp.post("/people/<person_id>/hours/dates")
@may("people")
def save_dated_shifts(person_id: str) -> Response | tuple[str, int]:
    return _saved(person_id, _set_dated)


def _set_weekly(resource: Resource | None) -> object:
    first = read_date("first", request.form["first"]) if request.form.get("first") else None
    return schedules.set_hours_from(
        db.session(), actor(), resource, _weekly(request.form), first, clock.now()
    )


def _remove_later(resource: Resource | None) -> object:
    first = read_date("first", request.form.get("first", ""))
    return schedules.remove_hours_from(db.session(), actor(), resource, first, clock.now())


def _set_dated(resource: Resource | None) -> object:
    on, now = read_date("on", request.form.get("on", "")), clock.now()
    if on < local_on(now, actor().clinic.zone):
        raise Invalid([("on", "is over")])
    times = [
        (read_time("special_starts", starts), read_time("special_ends", ends))
        for starts, ends in zip(
            request.form.getlist("special_starts"), request.form.getlist("special_ends"), strict=False
        )
        if starts or ends
    ]
    return schedules.set_override(db.session(), actor(), resource, on, times, now)


def _saved(person_id: str, change: Change) -> Response | tuple[str, int]:
    resource, name = _person(person_id)
    before = displaced_ahead()
    try:
        change(resource)
    except Invalid as refusal:
        db.session.rollback()
        return _page(person_id, refusal), refusal.status
    if not person_id:
        return saved_availability(".hours", before)
    return saved_availability(".people", before, f"The hours of {name} are saved.")


def _person(person_id: str) -> tuple[Resource | None, str]:
    """Return a person's resource and name; None is the clinic."""
    if not person_id:
        return None, ""
    person = places.get_practitioner(db.session(), actor().clinic, person_id)
    return person.resource, person.name


def _page(person_id: str, refusal: Invalid | None = None) -> str:
    resource, name = _person(person_id)
    resource_id = resource.id if resource else None
    today = local_on(clock.now(), actor().clinic.zone)
    rows = schedule.hours(db.session(), actor().clinic.id, resource_id)
    dated: dict[date, list[tuple[object, object]]] = {}
    for one in schedule.dated_hours(db.session(), actor().clinic.id, resource_id, today):
        dated.setdefault(one.on_date, []).append(
            (one.starts, one.ends if one.ends < END_OF_DAY else MIDNIGHT)
        )
    later: dict[date, list[ScheduleHours]] = {}
    for row in rows:
        if row.valid_from and row.valid_from > today:
            later.setdefault(row.valid_from, []).append(row)
    return render_template(
        "settings/hours.html",
        name=name,
        stretches=STRETCHES,
        values=request.form if refusal else _values([row for row in rows if _holds_on(row, today)]),
        later=sorted(later.items()),
        dated=dated,
        today=today,
        end_of_day=END_OF_DAY,
        at={what: _address(view, person_id) for what, view in VIEWS[bool(person_id)].items()},
        errors=by_field(refusal),
    )


VIEWS = {
    False: {"weekly": ".save_hours", "later": ".remove_later_hours", "dated": ".save_dated_hours"},
    True: {"weekly": ".save_shifts", "later": ".remove_later_shifts", "dated": ".save_dated_shifts"},
}


def _address(view: str, person_id: str) -> str:
    return url_for(view, person_id=person_id) if person_id else url_for(view)


def _holds_on(row: ScheduleHours, on: date) -> bool:
    return (row.valid_from or date.min) <= on <= (row.valid_until or date.max)


def _values(rows: list[ScheduleHours]) -> Mapping[str, str]:
    """Return the fields of the form: starts-1-0 is Monday's first start."""
    values: dict[str, str] = {}
    for row in rows:
        place = next((n for n in range(STRETCHES) if f"starts-{row.weekday}-{n}" not in values), None)
        if place is not None:
            ends = MIDNIGHT if row.ends >= END_OF_DAY else row.ends
            values[f"starts-{row.weekday}-{place}"] = row.starts.isoformat("minutes")
            values[f"ends-{row.weekday}-{place}"] = ends.isoformat("minutes")
    return values


def _weekly(form: Mapping[str, str]) -> list[Hours]:
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
