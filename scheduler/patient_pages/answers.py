"""What the patient answers about a visit: I am coming, I need another time, I cannot come, who takes me home."""

from __future__ import annotations

from datetime import datetime
from itertools import groupby

from flask import Response, request

from scheduler.database import db
from scheduler.domain.status import AppointmentStatus
from scheduler.errors import Invalid, Refusal
from scheduler.models.appointment import Appointment
from scheduler.models.patient_request import open_for
from scheduler.models.visit_answer import DriverAnswer, driver_of
from scheduler.patient_pages.opening import NoSuchPage, Opened, bp, gone_to, no_such_page, opened, shown
from scheduler.patient_pages.visits import overview
from scheduler.services.patient import patient_answers, patient_requests, self_service
from scheduler.services.patient.address_changes import TooOften
from scheduler.services.patient.self_service import OldForm, TooLate
from scheduler.services.planning.courses import blocked_by
from scheduler.services.task import emailed_proposals

VISIT = "/visits/<token>/appointments/<visit_id>"
MOST_AT_ONCE = 200  # visits that one form confirms
DONE = (
    "confirmed",
    "cancelled",
    "asked",
    "answered",
    "accepted",
    "withdrawn",
    "driver",
    "check-in",
    "preferences",
    "address",
    "waiting",
    "not-waiting",
    "offer-accepted",
    "offer-declined",
)


@bp.post(f"{VISIT}/confirmation")
def confirm(token: str, visit_id: str) -> Response:
    page = opened(token)
    visit = page.visit(visit_id)
    page.check(visit, "confirmation")
    self_service.confirm(db.session(), page.actor, visit, page.now)
    return gone_to(page, "confirmed")


@bp.post("/visits/<token>/confirmation")
def confirm_all(token: str) -> Response:
    """Confirm every visit that the form names, or none where one of them has changed since."""
    page, form = opened(token), request.form
    named = list(zip(form.getlist("visit"), form.getlist("mark"), strict=False))[:MOST_AT_ONCE]
    if not named:
        raise OldForm
    visits = [page.visit(visit_id) for visit_id, _ in named]
    for visit, (_, mark) in zip(visits, named, strict=True):
        page.check(visit, "confirmation", mark)
    for visit in visits:
        self_service.confirm(db.session(), page.actor, visit, page.now)
    return gone_to(page, "confirmed")


@bp.get(f"{VISIT}/cancellation")
def ask_cancel(token: str, visit_id: str) -> Response:
    page = opened(token)
    visit = page.visit(visit_id)
    if not page.choices(visit).cancel:
        return overview(page)
    blocks = [one for one in blocked_by(visit) if one.visible]
    return shown("patient_pages/cancel.html", page, visit=visit, blocks=blocks)


@bp.post(f"{VISIT}/cancellation")
def cancel(token: str, visit_id: str) -> Response:
    """Cancel. A form that is sent twice finds the visit off already, and that is all it wants."""
    page = opened(token)
    visit = page.visit(visit_id)
    if visit.status is not AppointmentStatus.CANCELLED:
        page.check(visit, "cancellation")
        self_service.cancel(db.session(), page.actor, visit, page.now, request.form.get("reason", ""))
    return gone_to(page, "cancelled")


@bp.get(f"{VISIT}/request")
def ask_move(token: str, visit_id: str) -> Response:
    page = opened(token)
    visit = page.visit(visit_id)
    if not page.choices(visit).move:
        return overview(page)
    starts = patient_requests.starts(db.session(), page.actor, visit, page.now)
    offered = [(day, list(same)) for day, same in groupby(starts, key=page.speech.day)]
    return shown(
        "patient_pages/request.html",
        page,
        visit=visit,
        asked=open_for(db.session(), visit) is not None,
        offered=offered,
    )


@bp.post(f"{VISIT}/request")
def move(token: str, visit_id: str) -> Response:
    page = opened(token)
    visit = page.visit(visit_id)
    page.check(visit, "request")
    wanted = _wanted(page, visit)
    self_service.ask(db.session(), page.actor, visit, page.now, wanted, request.form.get("note", ""))
    return gone_to(page, "asked")


@bp.post(f"{VISIT}/request/acceptance")
def accept(token: str, visit_id: str) -> Response:
    """Take the start that the clinic suggested. A form that is sent twice finds the request closed."""
    page = opened(token)
    visit = page.visit(visit_id)
    asked = open_for(db.session(), visit)
    if asked is None or asked.suggested_at is None:
        raise OldForm
    page.check(visit, f"acceptance of {asked.suggested_at.timestamp()}")
    patient_requests.accept(db.session(), page.actor, asked, page.now)
    return gone_to(page, "accepted")


@bp.post(f"{VISIT}/request/withdrawal")
def withdraw(token: str, visit_id: str) -> Response:
    """Take the request back; the visit stays as it is."""
    page = opened(token)
    visit = page.visit(visit_id)
    page.check(visit, "withdrawal")
    asked = open_for(db.session(), visit)
    if asked is not None:
        patient_requests.withdraw(db.session(), page.actor, asked, page.now)
    return gone_to(page, "withdrawn")


@bp.post("/visits/<token>/proposal")
def answer_proposal(token: str) -> Response:
    """Take the appointments that were proposed by email, or ask for a call about them."""
    page = opened(token)
    proposal = emailed_proposals.open_for(db.session(), page.patient, page.now)
    if proposal is None:
        raise OldForm
    page.check(page.patient, f"proposal {proposal.created_at.timestamp()}")
    accepts = request.form.get("answer") == "yes"
    emailed_proposals.answer(db.session(), page.actor, proposal, page.now, accepts=accepts)
    return gone_to(page, "answered")


def _wanted(page: Opened, visit: Appointment) -> datetime | None:
    """Return the start that was chosen. Raises OldForm for one that is not, or no longer, on offer."""
    given = request.form.get("start", "")
    if not given:
        return None
    offered = patient_requests.starts(db.session(), page.actor, visit, page.now)
    for at in offered:
        if at.isoformat() == given:
            return at
    raise OldForm


@bp.get(f"{VISIT}/driver")
def ask_driver(token: str, visit_id: str) -> Response:
    page = opened(token)
    visit = page.visit(visit_id)
    if not page.choices(visit).driver:
        return overview(page)
    answered = driver_of(db.session(), visit) is not None
    return shown(
        "patient_pages/driver.html", page, visit=visit, answered=answered, answer=None, missing=False
    )


@bp.post(f"{VISIT}/driver")
def tell_driver(token: str, visit_id: str) -> Response:
    page = opened(token)
    visit = page.visit(visit_id)
    page.check(visit, "driver")
    if not page.choices(visit).driver:
        raise TooLate
    has_driver, form = request.form.get("has_driver") == "yes", request.form
    told = (has_driver, form.get("name", ""), form.get("phone", ""))
    try:
        patient_answers.tell_driver(db.session(), page.actor, visit, page.now, *told)
    except Invalid as refused:
        db.session.rollback()
        given = DriverAnswer(has_driver=told[0], name=told[1], phone=told[2])  # shown again, never kept
        return shown(
            "patient_pages/driver.html",
            page,
            refused.status,
            visit=visit,
            answered=False,
            answer=given,
            missing=True,
        )
    return gone_to(page, "driver")


@bp.get("/visits/<token>/done/<what>")
def done(token: str, what: str) -> Response:
    """Show the visits with a word about what was answered."""
    return overview(opened(token), notice=what if what in DONE else "")


@bp.errorhandler(Refusal)
def refused(error: Refusal) -> Response:
    """Show how things stand when an answer no longer fits them."""
    db.session.rollback()
    notice = error.code if isinstance(error, TooLate | TooOften) else "changed"
    try:
        page = opened((request.view_args or {})["token"])
    except NoSuchPage as none:
        return no_such_page(none)
    return overview(page, error.status, notice)
