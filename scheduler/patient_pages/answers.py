"""What the patient answers: I am coming, I need another time, I cannot come."""

from __future__ import annotations

from flask import Response, redirect, request, url_for

from scheduler.database import db
from scheduler.domain.status import AppointmentStatus
from scheduler.models.appointment import Appointment
from scheduler.models.patient_request import open_for
from scheduler.patient_pages.opening import Opened, bp, keys, opened, shown
from scheduler.patient_pages.visits import overview
from scheduler.services import self_service
from scheduler.services.self_service import OldForm, TooLate

VISIT = "/visits/<token>/appointments/<visit_id>"
DONE = {"confirmation": "confirmed", "cancellation": "cancelled", "request": "asked"}


@bp.post(f"{VISIT}/confirmation")
def confirm(token: str, visit_id: str) -> Response:
    page, visit = _answered(token, visit_id, "confirmation")
    self_service.confirm(db.session(), page.actor, visit, page.now)
    return _done(page, "confirmation")


@bp.get(f"{VISIT}/cancellation")
def ask_cancel(token: str, visit_id: str) -> Response:
    page = opened(token)
    visit = page.visit(visit_id)
    if visit.status is AppointmentStatus.CANCELLED or not page.choices(visit).cancel:
        return overview(page)
    return shown("visits/cancel.html", page, visit=visit)


@bp.post(f"{VISIT}/cancellation")
def cancel(token: str, visit_id: str) -> Response:
    page, visit = _answered(token, visit_id, "cancellation")
    self_service.cancel(db.session(), page.actor, visit, page.now, request.form.get("reason", ""))
    return _done(page, "cancellation")


@bp.get(f"{VISIT}/request")
def ask_move(token: str, visit_id: str) -> Response:
    page = opened(token)
    visit = page.visit(visit_id)
    if not page.choices(visit).move:
        return overview(page)
    return shown("visits/request.html", page, visit=visit, asked=open_for(db.session(), visit))


@bp.post(f"{VISIT}/request")
def move(token: str, visit_id: str) -> Response:
    page, visit = _answered(token, visit_id, "request")
    self_service.ask(db.session(), page.actor, visit, page.now, note=request.form.get("note", ""))
    return _done(page, "request")


@bp.get("/visits/<token>/done/<what>")
def done(token: str, what: str) -> Response:
    """Show the visits with a word about what was answered."""
    return overview(opened(token), notice=what if what in DONE.values() else "")


def _answered(token: str, visit_id: str, answer: str) -> tuple[Opened, Appointment]:
    """Return the page and the visit of a posted form. Raises OldForm unless it was made for the visit as it stands.

    A cancellation that is repeated finds a new version of a visit that is off already, and that is all it wants.
    """
    page = opened(token)
    visit = page.visit(visit_id)
    off = answer == "cancellation" and visit.status is AppointmentStatus.CANCELLED
    if not off:
        self_service.check_mark(keys(), token, visit, answer, request.form.get("mark", ""))
    return page, visit


def _done(page: Opened, answer: str) -> Response:
    db.session.commit()
    address = url_for(
        "patient_pages.done", token=page.token, what=DONE[answer], lang=request.args.get("lang") or None
    )
    return redirect(address, 303)  # type: ignore[return-value]  # Flask's redirect makes a Flask response


@bp.errorhandler(OldForm)
def changed(error: OldForm) -> Response:
    db.session.rollback()
    return overview(opened((request.view_args or {})["token"]), error.status, notice="changed")


@bp.errorhandler(TooLate)
def too_late(error: TooLate) -> Response:
    db.session.rollback()
    return overview(opened((request.view_args or {})["token"]), error.status, notice="too-late")
