"""What closes: holidays, leave, a broken chair."""

from __future__ import annotations

from datetime import datetime, timedelta

from flask import render_template, request
from werkzeug.wrappers import Response

from scheduler import clock
from scheduler.database import db
from scheduler.domain.localtime import day_bounds
from scheduler.errors import Invalid
from scheduler.models import location as locations
from scheduler.models import practitioner as practitioners
from scheduler.models import schedule
from scheduler.models import site as models
from scheduler.models.resource import Resource
from scheduler.models.schedule import ClosureKind
from scheduler.services.clinic import schedules, sites
from scheduler.web.current import actor
from scheduler.web.local import read_date, read_instant, read_time
from scheduler.web.settings.blueprint import bp, by_field, saved
from scheduler.web.shell import may

AHEAD = timedelta(days=550)
A_MOMENT = timedelta(microseconds=1)  # what ends at midnight, ends on the day before


@bp.get("/closures")
@may("close")
def closures() -> str:
    return _page()


@bp.post("/closures")
@may("close")
def add_closure() -> Response | tuple[str, int]:
    try:
        start, end = _window()
        _, touched = schedules.close(
            db.session(),
            actor(),
            start,
            end,
            clock.now(),
            _resource(),
            _kind(),
            request.form.get("reason", ""),
        )
    except Invalid as refusal:
        db.session.rollback()
        return _page(refusal), refusal.status
    if touched:
        return saved(".closures", f"Added. {len(touched)} visits are booked then and need to be rescheduled.")
    return saved(".closures", "Added. No visits are booked then.")


@bp.post("/closures/<closure_id>/removal")
@may("close")
def remove_closure(closure_id: str) -> Response:
    closure = schedules.get_closure(db.session(), actor().clinic, closure_id)
    schedules.reopen(db.session(), actor(), closure, clock.now())
    return saved(".closures", "Removed.")


def _page(refusal: Invalid | None = None) -> str:
    clinic, now = actor().clinic, clock.now()
    rows = schedule.closures(db.session(), clinic.id, now - timedelta(days=1), now + AHEAD)
    return render_template(
        "settings/closures.html",
        a_moment=A_MOMENT,
        rows=[(row, schedules.affected(db.session(), clinic, row)) for row in rows],
        choices=_choices(),
        by_id=_names(),
        values=request.form,
        errors=by_field(refusal),
    )


def _choices() -> list[tuple[str, str]]:
    places = [(place.public_id, place.name) for place in locations.active(db.session(), actor().clinic.id)]
    people = [(one.public_id, one.name) for one in practitioners.active(db.session(), actor().clinic.id)]
    at_sites = [(one.public_id, one.name) for one in sites.choices(db.session(), actor().clinic)]
    return [("", "Whole clinic"), *at_sites, *places, *people]


def _names() -> dict[int, str]:
    clinic_id = actor().clinic.id
    places = {place.resource_id: place.name for place in locations.active(db.session(), clinic_id)}
    people = {one.resource_id: one.name for one in practitioners.active(db.session(), clinic_id)}
    at_sites = {site.resource_id: site.name for site in models.every(db.session(), clinic_id)}
    return places | people | at_sites


def _resource() -> Resource | None:
    wanted = request.form.get("what", "")
    if not wanted:
        return None
    clinic_id = actor().clinic.id
    place = locations.by_public_id(db.session(), clinic_id, wanted)
    person = practitioners.by_public_id(db.session(), clinic_id, wanted)
    found = place or person or models.by_public_id(db.session(), clinic_id, wanted)
    if found is None:
        raise Invalid([("what", "is not a site, chair, room or person of this clinic")])
    return found.resource


def _kind() -> ClosureKind:
    wanted = request.form.get("kind", ClosureKind.CLOSURE)
    if wanted not in set(ClosureKind):
        raise Invalid([("kind", "must be closure, holiday or leave")])
    return ClosureKind(wanted)


def _window() -> tuple[datetime, datetime]:
    """Return the instants: whole days without times, else from the first time to the last."""
    first = read_date("first_on", request.form.get("first_on", ""))
    last = read_date("last_on", request.form.get("last_on") or first.isoformat())
    zone = actor().clinic.zone
    starts, ends = request.form.get("starts", ""), request.form.get("ends", "")
    start = (
        read_instant("starts", first, read_time("starts", starts)) if starts else day_bounds(first, zone)[0]
    )
    end = read_instant("ends", last, read_time("ends", ends)) if ends else day_bounds(last, zone)[1]
    if last < first:
        raise Invalid([("last_on", "is before the first day")])
    return start, end
