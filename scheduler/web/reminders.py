"""The send log: what left, what waits, whom to call; and what the desk does about a mail."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as AnyResponse

from scheduler import clock
from scheduler.database import db
from scheduler.domain.identity import CallOutcome
from scheduler.domain.reminders import words_of
from scheduler.errors import Invalid, Refusal
from scheduler.http import access
from scheduler.models.message import Message
from scheduler.services.actors import Actor
from scheduler.services.course import booster_tasks, make_ups
from scheduler.services.mail import call_list, channels, send_log
from scheduler.services.patient import notes, patients
from scheduler.services.planning.courses import blocked_by
from scheduler.services.trail import audit
from scheduler.services.transfer import exports
from scheduler.transactions import only_reads
from scheduler.web.csv_files import csv_file
from scheduler.web.current import actor
from scheduler.web.shell import may

bp = Blueprint("reminders", __name__)
VIEWS = ("mails", "planned", "calls", "boosters", "make-ups")
EXPORTED = timedelta(days=30)
Deed = Callable[[Session, Actor, Message, datetime], object]


@bp.get("/reminders")
@may("send-log")
def index() -> str:
    view = request.args.get("view", "mails")
    return _page(view if view in VIEWS else "mails", request.args, "")


@bp.post("/reminders/found")
@may("send-log")
@only_reads
def found() -> str:
    """The emails of a patient or an address, which by POST stays out of addresses, histories and logs."""
    return _page("mails", request.form, request.form.get("search", "").strip().lower()[:100])


def _page(view: str, given: MultiDict[str, str], text: str) -> str:
    state = given.get("state", "")
    number = min(max(given.get("page", 0, type=int), 0), 10_000)
    clinic, now = actor().clinic, clock.now()
    rows = send_log.SendLogPage((), False)
    if view == "planned":
        rows = send_log.planned(db.session(), clinic, number)
    elif view == "mails":
        rows = send_log.mails(db.session(), clinic, state, text, number)
    channel = channels.state(db.session())
    return render_template(
        "reminders/index.html",
        view=view,
        state=state,
        search=text,
        page=rows,
        number=number,
        counts=send_log.counts(db.session(), clinic, now),
        calls=call_list.calls(db.session(), clinic, now),
        boosters=booster_tasks.to_book(db.session(), clinic, now),
        make_ups=make_ups.to_make_up(db.session(), clinic),
        blocked_without=blocked_by,
        held=channel.held_reason if channel and channel.held_at else "",
        now=now,
        rule_words=words_of,
        outcomes=list(CallOutcome),
    )


@bp.post("/reminders/<message_id>/resend")
@may("send-log")
def resend(message_id: str) -> AnyResponse:
    return _done(message_id, call_list.resend, "Sent again as a new email.")


@bp.post("/reminders/<message_id>/release")
@may("send-log")
def release(message_id: str) -> AnyResponse:
    return _done(message_id, call_list.release, "Sending again.")


@bp.post("/reminders/<message_id>/discard")
@may("send-log")
def discard(message_id: str) -> AnyResponse:
    return _done(message_id, call_list.discard, "Marked as delivered.")


@bp.post("/reminders/calls/<patient_id>/settlement")
@may("send-log")
def settle(patient_id: str) -> AnyResponse:
    """Note how the call of a patient ended; one who was not reached stays on the list."""
    patient = patients.get(db.session(), actor().clinic, patient_id)
    told = request.form.get("outcome", CallOutcome.REACHED.value)
    if told not in set(CallOutcome):
        raise Invalid([("outcome", f"must be one of {', '.join(CallOutcome)}")])
    outcome, text = CallOutcome(told), request.form.get("note", "")
    notes.log_call(db.session(), actor(), patient, outcome, text, clock.now())
    db.session.commit()
    stays = "" if outcome.informs else " The patient stays on the list."
    flash(f"Call logged: {patient.name}, {outcome.words.lower()}.{stays}")
    return redirect(url_for(".index", view="calls"), 303)


@bp.post("/reminders/export")
@may("send-log")
def export() -> Response:
    """Stream the mails of the last month and the next as CSV."""
    who, now = actor(), clock.now()
    session = db.session()
    audit.record(session, who, "messages.exported", None, now)
    session.commit()
    lines = exports.messages(session, who.clinic, now - EXPORTED, now + EXPORTED, access.page_notes())
    return csv_file(session, lines, f"mails-{now.date()}.csv")


@bp.post("/reminders/agreement")
@may("agree")
def agree() -> AnyResponse:
    """Let sending go on after a jump of the clock or a restore has been looked at."""
    now = clock.now()
    if channels.release(db.session(), now):
        audit.record(db.session(), actor(), "sending.agreed", actor().clinic, now)
    db.session.commit()
    flash("Sending resumed.")
    return redirect(url_for(".index"), 303)


def _done(message_id: str, deed: Deed, words: str) -> AnyResponse:
    message = call_list.find(db.session(), actor().clinic, message_id)
    try:
        deed(db.session(), actor(), message, clock.now())
    except Refusal as refusal:
        db.session.rollback()
        flash(f"Nothing was changed: {refusal.words}.", "error")
    else:
        db.session.commit()
        flash(words)
    return redirect(url_for(".index", state=request.form.get("state", "")), 303)
