"""What patients ask for on their private pages: another time or a call, approved with one click or settled by hand.

New email addresses that were given there are listed too, so that the desk sees each.
"""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, url_for
from werkzeug.wrappers import Response

from scheduler import clock
from scheduler.database import db
from scheduler.errors import NotFound, Refusal
from scheduler.models import address_change, patient_request
from scheduler.models.patient_request import PatientRequest
from scheduler.services.patient import address_changes, patient_requests
from scheduler.web.current import actor
from scheduler.web.shell import may

bp = Blueprint("requests", __name__, url_prefix="/requests")


@bp.get("")
@may("move")
def index() -> str:
    return render_template(
        "requests/index.html",
        waiting=patient_requests.waiting(db.session(), actor()),
        has_changed=patient_requests.has_changed,
        addresses=address_changes.waiting(db.session(), actor().clinic, clock.now()),
    )


@bp.post("/addresses/<change_id>/settlement")
@may("patients")
def settle_address(change_id: str) -> Response:
    """Take a new address off the list; one that is not confirmed yet is refused with that."""
    change = address_change.by_public_id(db.session(), actor().clinic.id, change_id)
    if change is None:
        raise NotFound
    address_changes.settle(db.session(), actor(), change, clock.now())
    db.session.commit()
    done = "new address in use" if change.confirmed_at else "new address rejected"
    flash(f"{change.patient.name}: {done}.")
    return redirect(url_for(".index"), 303)


@bp.post("/<request_id>/approval")
@may("move")
def approve(request_id: str) -> Response:
    asked = _find(request_id)
    name = asked.appointment.patient.name
    try:
        moves = patient_requests.approve(db.session(), actor(), asked, clock.now())
    except Refusal as refusal:
        db.session.rollback()
        flash(f"{name}: not moved. {refusal.words}", "error")
        return redirect(url_for(".index"), 303)
    db.session.commit()
    also = f", with {len(moves) - 1} more" if len(moves) > 1 else ""
    flash(f"{name}: moved{also}. The patient is notified by email.")
    return redirect(url_for(".index"), 303)


@bp.post("/<request_id>/settlement")
@may("move")
def settle(request_id: str) -> Response:
    asked = _find(request_id)
    patient_requests.decline(db.session(), actor(), asked, clock.now())
    db.session.commit()
    flash(f"{asked.appointment.patient.name}: handled.")
    return redirect(url_for(".index"), 303)


def _find(request_id: str) -> PatientRequest:
    asked = patient_request.by_public_id(db.session(), actor().clinic.id, request_id)
    if asked is None:
        raise NotFound
    return asked
