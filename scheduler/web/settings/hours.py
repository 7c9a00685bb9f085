"""Weekly hours, of the clinic, of one site and of one person, now or between dates, by turns if asked.

A day has up to two stretches. Special hours of a date replace the weekly ones of that day. Where weeks alternate, the
fields of the second week, the one after this, begin with `b-`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from flask import render_template, request, url_for
from werkzeug.wrappers import Response

from scheduler import clock
from scheduler.database import db
from scheduler.domain.localtime import local_on
from scheduler.errors import Invalid
from scheduler.models import schedule
from scheduler.models.resource import Resource
from scheduler.models.schedule import END_OF_DAY, ScheduleHours, alternate_week
from scheduler.services.clinic import places, schedules, sites
from scheduler.services.clinic.schedules import MIDNIGHT, Hours
from scheduler.web.current import actor
from scheduler.web.local import read_date, read_time, week_days, weekday_name
from scheduler.web.settings.blueprint import bp, by_field, displaced_ahead, saved_availability
from scheduler.web.shell import may

STRETCHES = 2
PREFIXES = ("", "b-")  # of the fields of this week, and of the next where weeks alternate
Change = Callable[[Resource | None], object]


@dataclass(frozen=True)
class HoursOf:
    """Whose hours a page shows: where it is, where its forms lead, and the page after saving."""

    resource: Resource | None
    name: str
    at: Mapping[str, str]
    then: str


@bp.get("/hours")
@may("settings")
def hours() -> str:
    return _page(_of_clinic())


@bp.post("/hours")
@may("settings")
def save_hours() -> Response | tuple[str, int]:
    return _saved(_of_clinic(), _set_weekly)


@bp.post("/hours/later/removal")
@may("settings")
def remove_later_hours() -> Response | tuple[str, int]:
    return _saved(_of_clinic(), _remove_later)


@bp.post("/hours/dates")
@may("settings")
def save_dated_hours() -> Response | tuple[str, int]:
    """Give one date its own hours; without any it goes back to the weekly ones."""
    return _saved(_of_clinic(), _set_dated)


@bp.get("/sites/<site_id>/hours")
@may("settings")
def site_hours(site_id: str) -> str:
    return _page(_of_site(site_id))


@bp.post("/sites/<site_id>/hours")
@may("settings")
def save_site_hours(site_id: str) -> Response | tuple[str, int]:
    return _saved(_of_site(site_id), _set_weekly)


@bp.post("/sites/<site_id>/hours/later/removal")
@may("settings")
def remove_later_site_hours(site_id: str) -> Response | tuple[str, int]:
    return _saved(_of_site(site_id), _remove_later)


@bp.post("/sites/<site_id>/hours/dates")
@may("settings")
def save_dated_site_hours(site_id: str) -> Response | tuple[str, int]:
    return _saved(_of_site(site_id), _set_dated)


@bp.get("/people/<person_id>/hours")
@may("people")
def shifts(person_id: str) -> str:
    return _page(_of_person(person_id))


@bp.post("/people/<person_id>/hours")
@may("people")
def save_shifts(person_id: str) -> Response | tuple[str, int]:
    return _saved(_of_person(person_id), _set_weekly)


@bp.post("/people/<person_id>/hours/later/removal")
@may("people")
def remove_later_shifts(person_id: str) -> Response | tuple[str, int]:
    return _saved(_of_person(person_id), _remove_later)


@bp.post("/people/<person_id>/hours/dates")
@may("people")
def save_dated_shifts(person_id: str) -> Response | tuple[str, int]:
    return _saved(_of_person(person_id), _set_dated)


def _set_weekly(resource: Resource | None) -> object:
    first, last = (
        read_date(name, request.form[name]) if request.form.get(name) else None for name in ("first", "last")
    )
    return schedules.set_hours_from(
        db.session(), actor(), resource, _weekly(request.form, _today()), first, clock.now(), last
    )


def _remove_later(resource: Resource | None) -> object:
    first = read_date("first", request.form.get("first", ""))
    return schedules.remove_hours_from(db.session(), actor(), resource, first, clock.now())


def _set_dated(resource: Resource | None) -> object:
    on, now = read_date("on", request.form.get("on", "")), clock.now()
    if on < _today():
        raise Invalid([("on", "is over")])
    times = [
        (read_time("special_starts", starts), read_time("special_ends", ends))
        for starts, ends in zip(
            request.form.getlist("special_starts"), request.form.getlist("special_ends"), strict=False
        )
        if starts or ends
    ]
    return schedules.set_override(db.session(), actor(), resource, on, times, now)


def _saved(whose: HoursOf, change: Change) -> Response | tuple[str, int]:
    before = displaced_ahead()
    try:
        change(whose.resource)
    except Invalid as refusal:
        db.session.rollback()
        return _page(whose, refusal), refusal.status
    words = f"The hours of {whose.name} are saved." if whose.name else "Saved."
    return saved_availability(whose.then, before, words)


def _of_clinic() -> HoursOf:
    views = {"weekly": ".save_hours", "later": ".remove_later_hours", "dated": ".save_dated_hours"}
    return HoursOf(None, "", {what: url_for(view) for what, view in views.items()}, ".hours")


def _of_site(site_id: str) -> HoursOf:
    site = sites.get(db.session(), actor().clinic, site_id)
    views = {
        "weekly": ".save_site_hours",
        "later": ".remove_later_site_hours",
        "dated": ".save_dated_site_hours",
    }
    at = {what: url_for(view, site_id=site_id) for what, view in views.items()}
    return HoursOf(site.resource, site.name, at, ".sites")


def _of_person(person_id: str) -> HoursOf:
    person = places.get_practitioner(db.session(), actor().clinic, person_id)
    views = {"weekly": ".save_shifts", "later": ".remove_later_shifts", "dated": ".save_dated_shifts"}
    at = {what: url_for(view, person_id=person_id) for what, view in views.items()}
    return HoursOf(person.resource, person.name, at, ".people")


def _page(whose: HoursOf, refusal: Invalid | None = None) -> str:
    resource_id = whose.resource.id if whose.resource else None
    today = _today()
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
        name=whose.name,
        stretches=STRETCHES,
        values=request.form if refusal else _values([row for row in rows if _is_in_force(row, today)], today),
        weeks=_examples(today),
        example=lambda row: _examples(today)[_week_shown(row, today)],
        later=sorted(later.items()),
        dated=dated,
        today=today,
        end_of_day=END_OF_DAY,
        at=whose.at,
        errors=by_field(refusal),
    )


def _today() -> date:
    return local_on(clock.now(), actor().clinic.zone)


def _is_in_force(row: ScheduleHours, on: date) -> bool:
    return (row.valid_from or date.min) <= on <= (row.valid_until or date.max)


def _days(today: date, prefix: str) -> dict[int, date]:
    """Return the dates of this week, or of the next one, by weekday. It begins as the clinic's weeks do."""
    order = week_days()
    first = today - timedelta(days=order.index(today.isoweekday())) + timedelta(weeks=PREFIXES.index(prefix))
    return {weekday: first + timedelta(days=n) for n, weekday in enumerate(order)}


def _week_shown(row: ScheduleHours, today: date) -> int:
    """Return 0 for hours of this week, 1 for those of the next."""
    return int(row.week != alternate_week(_days(today, "")[row.weekday]))


def _examples(today: date) -> list[tuple[date, date]]:
    """Return the first days of this week and of the second after it, and the same for the next week."""
    firsts = [min(_days(today, prefix).values()) for prefix in PREFIXES]
    return [(first, first + timedelta(weeks=2)) for first in firsts]


def _values(rows: list[ScheduleHours], today: date) -> Mapping[str, str]:
    """Return the fields of the form: starts-1-0 is Monday's first start, b-starts-1-0 that of the second week."""
    values: dict[str, str] = {}
    is_alternating = any(row.week is not None for row in rows)
    if is_alternating:
        values["alternating"] = "yes"
    for row in rows:
        for prefix in PREFIXES if is_alternating else PREFIXES[:1]:
            if row.week not in (None, alternate_week(_days(today, prefix)[row.weekday])):
                continue
            free = [n for n in range(STRETCHES) if f"{prefix}starts-{row.weekday}-{n}" not in values]
            if free:
                ends = MIDNIGHT if row.ends >= END_OF_DAY else row.ends
                values[f"{prefix}starts-{row.weekday}-{free[0]}"] = row.starts.isoformat("minutes")
                values[f"{prefix}ends-{row.weekday}-{free[0]}"] = ends.isoformat("minutes")
    return values


def _weekly(form: Mapping[str, str], today: date) -> list[Hours]:
    if "alternating" not in form:
        return _of_week(form, "", None)
    return [hours for prefix in PREFIXES for hours in _of_week(form, prefix, _days(today, prefix))]


def _of_week(form: Mapping[str, str], prefix: str, days: Mapping[int, date] | None) -> list[Hours]:
    """Return the hours of a week's fields: each week, or the weeks that alternate with the one of these days."""
    found, errors = [], []
    for weekday in range(1, 8):
        name = weekday_name(weekday)
        for n in range(STRETCHES):
            field = f"{prefix}starts-{weekday}-{n}"
            starts, ends = form.get(field, ""), form.get(f"{prefix}ends-{weekday}-{n}", "")
            if not starts and not ends:
                continue
            if not starts or not ends:
                errors.append((field, f"{name} needs both a start and an end"))
                continue
            week = alternate_week(days[weekday]) if days else None
            found.append(Hours(weekday, read_time(name, starts), read_time(name, ends), week=week))
    if errors:
        raise Invalid(errors)
    return found
