"""A single visit, outside any course: a consultation, an extra therapy session. Where it does not fit, what does."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from scheduler import clock
from scheduler.database import db
from scheduler.domain.localtime import local_on
from scheduler.domain.plans import Action
from scheduler.errors import Invalid, NoFitFound, Refusal, RuleBroken, SlotTaken
from scheduler.models import location as locations
from scheduler.models import plan_definition as definitions
from scheduler.models import practitioner as practitioners
from scheduler.models.location import Location
from scheduler.models.patient import Patient
from scheduler.models.practitioner import Practitioner
from scheduler.services.clinic import places
from scheduler.services.course import booking
from scheduler.services.patient import patients
from scheduler.services.planning.course_rules import without_course
from scheduler.web.current import actor
from scheduler.web.local import read_date, read_instant, read_time
from scheduler.web.shell import may

bp = Blueprint("single_visits", __name__)
EXPLAINED = (Invalid, NoFitFound, RuleBroken, SlotTaken)
NEAREST = 6


@bp.get("/patients/<patient_id>/visits/new")
@may("book")
def form(patient_id: str) -> str:
    return _page(patients.get(db.session(), actor().clinic, patient_id))


@bp.post("/patients/<patient_id>/visits")
@may("book")
def book(patient_id: str) -> Response | tuple[str, int]:
    patient, now = patients.get(db.session(), actor().clinic, patient_id), clock.now()
    try:
        action, start = _action(), _start()
        location, people = _chosen()
        visit = booking.book_visit(db.session(), actor(), patient, action, start, now, location, people)
    except EXPLAINED as refusal:
        db.session.rollback()
        return _page(patients.get(db.session(), actor().clinic, patient_id), refusal), refusal.status
    db.session.commit()
    flash(f"{visit.title} for {patient.name}: booked.")
    return redirect(url_for("visits.show", visit_id=visit.public_id), 303)


def _page(patient: Patient, refusal: Refusal | None = None) -> str:
    clinic = actor().clinic
    return render_template(
        "single_visits/form.html",
        patient=patient,
        kinds=[(key, words) for key, words, _ in _kinds()],
        places=[("", "Any place")]
        + [(one.public_id, one.name) for one in locations.active(db.session(), clinic.id)],
        people=[("", "Any provider")]
        + [(one.public_id, one.name) for one in practitioners.active(db.session(), clinic.id)],
        today=local_on(clock.now(), clinic.zone),
        nearest=(),
        refusal=refusal,
        values=request.form,
    )


def _kinds() -> list[tuple[str, str, Action]]:
    """Return what can be booked alone: of each protocol, one visit of each title that needs no course."""
    found = []
    for definition in definitions.all_current(db.session(), actor().clinic.id):
        seen: set[str] = set()
        for action in definition.plan.firm:
            if action.title not in seen and not without_course(action):
                seen.add(action.title)
                key, words = f"{definition.key}/{action.key}", f"{action.title} ({definition.title})"
                found.append((key, words, action))
    return sorted(found, key=lambda one: one[1])


def _action() -> Action:
    wanted = request.form.get("kind", "")
    action = next((one for key, _, one in _kinds() if key == wanted), None)
    if action is None:
        raise Invalid([("kind", "is not a visit of a protocol")])
    return replace(action, series=None, position=None, series_length=None)  # it counts in no course


def _start() -> datetime:
    on = read_date("date", request.form.get("date", ""))
    at = request.form.get("at") or request.form.get("time", "")  # a start that was offered, or the one typed
    return read_instant("time", on, read_time("time", at))


def _chosen() -> tuple[Location | None, list[Practitioner]]:
    place, person = request.form.get("location", ""), request.form.get("practitioner", "")
    clinic = actor().clinic
    location = places.get_location(db.session(), clinic, place) if place else None
    return location, [places.get_practitioner(db.session(), clinic, person)] if person else []
