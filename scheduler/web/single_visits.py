"""A new single visit, outside any course: who, which visit, and one of the times that fit, in one form.

The patient is one of the records or is added with the visit. The form opens from a patient, from the board, or from an
empty place of the board with its time and place.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from scheduler import clock
from scheduler.database import db
from scheduler.domain.localtime import local_on
from scheduler.domain.plans import Action
from scheduler.errors import Invalid, NoFitFound, NotFound, Refusal, RuleBroken, SlotTaken
from scheduler.models import appointment as appointments
from scheduler.models import plan_definition as definitions
from scheduler.models.appointment import Appointment
from scheduler.models.location import Where
from scheduler.models.patient import Patient
from scheduler.services.account.permissions import require
from scheduler.services.course import booking, booster_tasks, make_ups
from scheduler.services.course.visit_times import VisitTimes
from scheduler.services.patient import duplicates, patients
from scheduler.services.patient.patient_search import look_up
from scheduler.services.planning import assignments
from scheduler.services.planning.course_rules import without_course
from scheduler.transactions import only_reads
from scheduler.web import times
from scheduler.web.current import actor
from scheduler.web.local import iso_time, read_start
from scheduler.web.refusals import is_partial
from scheduler.web.shell import may
from scheduler.web.times import Strip

bp = Blueprint("single_visits", __name__, url_prefix="/appointments")
EXPLAINED = (Invalid, NoFitFound, RuleBroken, SlotTaken)
NEW_PATIENT = ("name", "birth_date", "phone", "email")
MATCHES = 5
MOST_WAITING = 6


@dataclass(frozen=True)
class VisitKind:
    """A visit that can be booked alone, and what the form calls it."""

    key: str
    words: str
    action: Action


@bp.get("/new")
@may("book")
def form() -> str | tuple[str, int]:
    return _page()


@bp.get("/<visit_id>/copy")
@may("book")
def duplicate(visit_id: str) -> Response:
    """The form for another visit like this one: its patient, kind, place and people, a week later."""
    visit = appointments.by_public_id(db.session(), actor().clinic.id, visit_id)
    if visit is None:
        raise NotFound
    later = visit.local_start + timedelta(days=7)
    like = url_for(
        ".form",
        patient=visit.patient.public_id,
        kind=_kind_of(visit),
        location=visit.location.public_id if visit.location else None,
        practitioner=visit.practitioners[0].public_id if visit.practitioners else None,
        date=later.date().isoformat(),
        time=iso_time(later.time()),
    )
    return redirect(like, 303)


def may_be_duplicated(visit: Appointment) -> bool:
    """Return whether a visit like this can be booked alone: not one that gives a drug or has requirements."""
    return visit.care_plan is None or not any(
        without_course(action)
        for action in visit.care_plan.plan_definition.plan.actions
        if action.key == visit.action
    )


def _kind_of(visit: Appointment) -> str | None:
    """Return the choice of the form that is this visit, or has its name at least."""
    length = visit.end_at - visit.start_at
    like = [one for one in _kinds() if one.action.title == visit.title]
    return next(
        (one.key for one in like if one.action.attended_length == length), like[0].key if like else None
    )


@bp.post("/new")
@may("book")
@only_reads
def refresh() -> str | tuple[str, int]:
    """The form again, by POST so that what was typed is in no address: another week, visit or patient."""
    if request.headers.get("HX-Target") == "matches":
        text = request.form.get("name", "").strip()
        found = text and look_up(db.session(), actor().clinic, text, clock.now(), MATCHES)
        return render_template("single_visits/_matches.html", found=found)
    return _page()


@bp.post("")
@may("book")
def book() -> Response | str | tuple[str, int]:
    """Book the visit, and add its patient where the form names no record."""
    now = clock.now()
    try:
        patient, kind = _patient(), _kind(_kinds())
        start, place, people = read_start(request.form), times.chosen_place(), times.chosen_people()
        if patient is None:
            patient = _add_patient(now)
            known = (
                []
                if "another" in request.form
                else duplicates.same_person(db.session(), actor().clinic, patient)
            )
            if known:
                page = _page(known=known)
                db.session.rollback()
                return page[0] if isinstance(page, tuple) else page, 409
        visit = booking.book_visit(db.session(), actor(), patient, kind.action, start, now, place, people)
    except EXPLAINED as refusal:
        db.session.rollback()
        return _page(refusal)
    db.session.commit()
    return _booked(visit)


def _booked(visit: Appointment) -> Response:
    words = f"{visit.title} for {visit.patient.name}: booked."
    page = url_for("visits.show", visit_id=visit.public_id)
    if not is_partial():
        flash(words)
        return redirect(page, 303)
    response = make_response("")
    told = {"toast": {"words": words}, "board:changed": {"open": visit.public_id}}
    response.headers["HX-Trigger"] = json.dumps(told)
    return response


def _page(refusal: Refusal | None = None, known: Sequence[Patient] = ()) -> str | tuple[str, int]:
    kinds = _kinds()
    patient, place = _patient(), times.chosen_place()
    kind = _kind(kinds, place) if kinds else None
    strip = _strip(kind, patient, place) if kind else None
    if strip is not None and times.wants_refresh():
        return render_template(
            "single_visits/_strip.html", strip=strip, values=_values(place), chosen=_chosen(strip)
        )
    page = render_template(
        "single_visits/_form.html" if is_partial() else "single_visits/form.html",
        patient=patient,
        known=known,
        kinds=[(one.key, one.words) for one in kinds],
        kind=kind,
        strip=strip,
        chosen=_chosen(strip) if strip else "",
        refusal=refusal,
        errors=_errors(refusal),
        why=_why(refusal, kind, patient, place),
        waiting=_waiting() if place or _wanted() else [],
        in_course=place if place and kind and not _can_take(kind.action, place) else None,
        week=request.values.get("date", ""),
        values=_values(place),
    )
    return (page, refusal.status) if refusal else page


def _waiting() -> list[tuple[str, Appointment]]:
    """Return visits that have no time yet, with the page where they get one: a free place may be what they wait for."""
    clinic, now = actor().clinic, clock.now()
    gone = [
        ("courses_ahead.make_up", one) for one in make_ups.to_make_up(db.session(), clinic) if one.care_plan
    ]
    due = [("courses_ahead.booster", one) for one in booster_tasks.to_book(db.session(), clinic, now)]
    return [*gone, *due][:MOST_WAITING]


def _values(place: Where | None) -> Mapping[str, str]:
    return {**request.values.to_dict(), "location": place.public_id if place else ""}


def _strip(kind: VisitKind, patient: Patient | None, place: Where | None) -> Strip | None:
    """Return the times of the visit: from the day that was asked for, or from the next one that is free."""
    try:
        found = VisitTimes(
            db.session(), actor(), patient, kind.action, clock.now(), place, times.chosen_people()
        )
    except Invalid:
        found = VisitTimes(db.session(), actor(), patient, kind.action, clock.now())
    wanted = _wanted()
    on = local_on(wanted, actor().clinic.zone) if wanted else None
    return times.strip(found, kind.action, on, whole=on)


def _wanted() -> datetime | None:
    """Return the time that the board or the refused form asks for."""
    try:
        return read_start(request.values)
    except Invalid:
        return None


def _chosen(strip: Strip) -> str:
    """Return the time that is chosen in the form: the one asked for or the nearest on its day, else the next one."""
    offered = [time.start for day in strip.week.days for time in day.times]
    if not offered:
        return ""
    wanted = _wanted()
    if wanted is None:
        return times.value_of(offered[0])
    zone = actor().clinic.zone
    that_day = [one for one in offered if local_on(one, zone) == local_on(wanted, zone)]
    return times.value_of(min(that_day or offered, key=lambda one: abs(one - wanted)))


def _why(
    refusal: Refusal | None, kind: VisitKind | None, patient: Patient | None, place: Where | None
) -> list[str]:
    wanted = _wanted()
    if kind is None or wanted is None or not isinstance(refusal, NoFitFound | SlotTaken):
        return []
    found = VisitTimes(db.session(), actor(), patient, kind.action, clock.now(), place, times.chosen_people())
    return found.explainer().at(wanted)


def _kinds() -> list[VisitKind]:
    """Return what can be booked alone, each once: visits of one title and length in several protocols are one."""
    found: dict[tuple[str, timedelta], VisitKind] = {}
    titles: dict[str, int] = {}
    for definition in definitions.all_current(db.session(), actor().clinic.id):
        for action in definition.plan.firm:
            shape = (action.title, action.attended_length)
            if shape in found or without_course(action):
                continue
            titles[action.title] = titles.get(action.title, 0) + 1
            found[shape] = VisitKind(f"{definition.key}/{action.key}", action.title, _alone(action))
    minutes = timedelta(minutes=1)
    return sorted(
        (replace(one, words=f"{one.words}, {length // minutes} min") for (_, length), one in found.items()),
        key=lambda one: (one.action.offset is not None, one.words),
    )


def _alone(action: Action) -> Action:
    return replace(action, series=None, position=None, series_length=None)  # it counts in no course


def _kind(kinds: Sequence[VisitKind], place: Where | None = None) -> VisitKind:
    """Return the visit that the form names; without one the first that the place can take."""
    wanted = request.values.get("kind", "")
    if wanted:
        found = next((one for one in kinds if one.key == wanted), None) or _of_protocol(wanted)
        if found is None:
            raise Invalid([("kind", "is not a visit of a protocol")])
        return found
    if not kinds:
        raise Invalid([("kind", "is missing: the clinic has no protocols yet")])
    return next((one for one in kinds if place is None or _can_take(one.action, place)), kinds[0])


def _of_protocol(key: str) -> VisitKind | None:
    """Return a visit by protocol and action, though another protocol's equal one is in the list."""
    plan_key, _, action_key = key.partition("/")
    for definition in definitions.all_current(db.session(), actor().clinic.id):
        for action in definition.plan.firm:
            if (definition.key, action.key) == (plan_key, action_key) and not without_course(action):
                return VisitKind(key, action.title, _alone(action))
    return None


def _can_take(action: Action, place: Where) -> bool:
    try:
        assignments.require(action, place, ())
    except Invalid:
        return False
    return True


def _patient() -> Patient | None:
    wanted = request.values.get("patient", "")
    return patients.get(db.session(), actor().clinic, wanted) if wanted else None


def _add_patient(now: datetime) -> Patient:
    require(actor(), "patients")
    names = patients.split_name(request.form.get("name", ""))
    if not names["family_name"]:
        raise Invalid(
            [("name", "must be a first and a last name; add a person with one name as a new patient")]
        )
    fields = {name: request.form.get(name, "").strip() for name in NEW_PATIENT[1:]}
    return patients.create(db.session(), actor(), {**names, **fields}, now)


def _errors(refusal: Refusal | None) -> dict[str, str]:
    names = {"location_id": "location", "practitioner_ids": "practitioner"}
    found = refusal.details.get("errors", ()) if refusal else ()
    return {names.get(error["field"], error["field"]): error["reason"] for error in found}
