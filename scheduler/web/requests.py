"""What patients ask for on their private pages: another time or a call.

The desk approves by moving the visit (moves.py), suggests another time, declines with a reason, or closes it after a
call. New email addresses that were given there are listed too, and email that a person must read.
"""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from scheduler import clock
from scheduler.database import db
from scheduler.errors import NotFound
from scheduler.models import address_change, incoming_mail, patient_request
from scheduler.models.patient_request import PatientRequest
from scheduler.services.patient import address_changes, mail_to_read, patient_requests
from scheduler.web.current import actor
from scheduler.web.local import local_moment, read_start
from scheduler.web.shell import may

bp = Blueprint("requests", __name__, url_prefix="/requests")


@bp.get("")
@may("move")
def index() -> str:
    return render_template(
        "requests/index.html",
        waiting=patient_requests.waiting(db.session(), actor()),
        has_changed=patient_requests.has_changed,
        mails=incoming_mail.open_in(db.session(), actor().clinic.id),
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


@bp.post("/mail/<mail_id>/done")
@may("move")
def finish_mail(mail_id: str) -> Response:
    """Take an email off the list: a person has read it and done what it asks for."""
    mail = incoming_mail.by_public_id(db.session(), actor().clinic.id, mail_id)
    if mail is None:
        raise NotFound
    mail_to_read.finish(db.session(), actor(), mail, clock.now())
    db.session.commit()
    flash("Email marked as done.")
    return redirect(url_for(".index"), 303)


@bp.post("/<request_id>/suggestion")
@may("move")
def suggest(request_id: str) -> Response:
    """Propose another start to the patient; the form is below the preview of a move."""
    asked = find(request_id)
    at = read_start(request.form)
    patient_requests.suggest(db.session(), actor(), asked, at, request.form.get("answer", ""), clock.now())
    db.session.commit()
    flash(f"{asked.appointment.patient.name}: suggested {local_moment(at)}. The patient gets an email.")
    return redirect(url_for(".index"), 303)


@bp.post("/<request_id>/refusal")
@may("move")
def decline(request_id: str) -> Response:
    asked = find(request_id)
    patient_requests.decline(db.session(), actor(), asked, request.form.get("answer", ""), clock.now())
    db.session.commit()
    flash(f"{asked.appointment.patient.name}: declined. The patient gets an email.")
    return redirect(url_for(".index"), 303)


@bp.post("/<request_id>/closing")
@may("move")
def close(request_id: str) -> Response:
    asked = find(request_id)
    patient_requests.close(db.session(), actor(), asked, clock.now())
    db.session.commit()
    flash(f"{asked.appointment.patient.name}: request closed.")
    return redirect(url_for(".index"), 303)


def find(request_id: str) -> PatientRequest:
    asked = patient_request.by_public_id(db.session(), actor().clinic.id, request_id)
    if asked is None:
        raise NotFound
    return asked
