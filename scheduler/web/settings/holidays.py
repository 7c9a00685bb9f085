"""Public holidays of the clinic's country and state: on which of them it closes."""

from __future__ import annotations

from datetime import date

from flask import flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from scheduler import clock
from scheduler.database import db
from scheduler.domain.localtime import local_on
from scheduler.errors import Invalid, NotFound
from scheduler.services.clinic import holidays as public
from scheduler.web.current import actor
from scheduler.web.local import read_date
from scheduler.web.settings.blueprint import bp, by_field, saved
from scheduler.web.shell import may

YEARS_AHEAD = 3


@bp.get("/holidays")
@may("settings")
def holidays() -> str:
    return _page()


@bp.post("/holidays/region")
@may("settings")
def save_holiday_region() -> Response | tuple[str, int]:
    """Say where the clinic is. A state of the former country is left behind."""
    country, state = request.form.get("country", ""), request.form.get("subdivision", "")
    if country != actor().clinic.country:
        state = ""
    try:
        public.set_region(db.session(), actor(), country, state or None, clock.now())
    except Invalid as refusal:
        db.session.rollback()
        return _page(refusal), refusal.status
    return saved(".holidays", "Saved. Existing closures didn't change.")


@bp.post("/holidays/<on>/closure")
@may("settings")
def close_holiday(on: str) -> Response:
    day = read_date("date", on)
    touched = public.close_day(db.session(), actor(), day, clock.now())
    return _back(day.year, _told(len(touched)))


@bp.post("/holidays/<on>/opening")
@may("settings")
def open_holiday(on: str) -> Response:
    day = read_date("date", on)
    public.open_day(db.session(), actor(), day, clock.now())
    return _back(day.year, "The clinic is open on that day.")


@bp.post("/holidays/<int:year>/all")
@may("settings")
def close_all_holidays(year: int) -> Response:
    """Close on every holiday of a year on which the clinic would work."""
    session, now = db.session(), clock.now()
    days = [
        one.on
        for one in public.listed(session, actor().clinic, _known(year))
        if one.closure is None and one.works and one.on >= _today()
    ]
    touched = [visit for day in days for visit in public.close_day(session, actor(), day, now)]
    return _back(year, _told(len(touched)))


def _page(refusal: Invalid | None = None) -> str:
    clinic, today = actor().clinic, _today()
    year = _known(request.args.get("year", today.year + (today.month > 6), type=int))
    values = {"country": clinic.country, "subdivision": clinic.subdivision or ""}
    return render_template(
        "settings/holidays.html",
        rows=_listed(year),
        today=today,
        year=year,
        years=range(today.year, today.year + YEARS_AHEAD + 1),
        countries=public.countries(),
        states=[("", "Whole country"), *public.subdivisions(clinic.country)],
        values=values | (request.form.to_dict() if refusal else {}),
        errors=by_field(refusal),
    )


def _listed(year: int) -> list[public.Holiday]:
    """Return the holidays; none where the clinic's country is not known (it was founded before that was checked)."""
    try:
        return public.listed(db.session(), actor().clinic, year)
    except Invalid:
        return []


def _today() -> date:
    return local_on(clock.now(), actor().clinic.zone)


def _known(year: int) -> int:
    if not _today().year <= year <= _today().year + YEARS_AHEAD:
        raise NotFound
    return year


def _told(visits: int) -> str:
    if not visits:
        return "Closed. No visits are booked then."
    lie = "visit is" if visits == 1 else "visits are"
    return f"Closed. {visits} {lie} booked then. See Closures to reschedule."


def _back(year: int, words: str) -> Response:
    db.session.commit()
    flash(words)
    return redirect(url_for(".holidays", year=year), 303)
