"""The send log."""

from __future__ import annotations

from flask import Blueprint, render_template, request

from scheduler import clock
from scheduler.database import db
from scheduler.services import send_log
from scheduler.web.current import actor
from scheduler.web.shell import may

bp = Blueprint("reminders", __name__)
VIEWS = ("mails", "planned")


@bp.get("/reminders")
@may("send-log")
def index() -> str:
    view = request.args.get("view", "mails")
    view = view if view in VIEWS else "mails"
    state, text = request.args.get("state", ""), request.args.get("search", "").strip().lower()[:100]
    number = min(max(request.args.get("page", 0, type=int), 0), 10_000)
    clinic = actor().clinic
    rows = (
        send_log.planned(db.session(), clinic, number)
        if view == "planned"
        else send_log.mails(db.session(), clinic, state, text, number)
    )
    return render_template(
        "reminders/index.html",
        view=view,
        state=state,
        search=text,
        page=rows,
        number=number,
        counts=send_log.counts(db.session(), clinic),
        now=clock.now(),
    )
