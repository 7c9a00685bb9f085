"""The day board: chairs, rooms or people as columns, time downwards."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as Answer

from scheduler import clock
from scheduler.database import db
from scheduler.domain.localtime import local_on
from scheduler.models import practitioner as practitioners
from scheduler.models import versions
from scheduler.models.appointment import Appointment
from scheduler.services.account.permissions import allowed
from scheduler.services.clinic.first_steps import SetupStep
from scheduler.services.clinic.working_days import next_working_day, working_days
from scheduler.services.day import boards, day_load, weeks
from scheduler.services.day.boards import BoardView
from scheduler.services.planning import availability
from scheduler.web.board_scale import STYLES, scale_of
from scheduler.web.current import actor
from scheduler.web.first_steps import missing_steps
from scheduler.web.local import read_date
from scheduler.web.shell import may

bp = Blueprint("board", __name__)


@bp.get("/")
@may("view")
def today() -> str | Answer:
    """Today's board, or that of the next working day when the clinic is closed today and nothing is booked.

    A clinic that has neither hours nor a chair has nothing to show, and is led to set itself up.
    """
    progress = missing_steps()
    if progress is not None and not progress.done & {SetupStep.HOURS, SetupStep.PLACES}:
        return redirect(url_for("first_steps.index"), 303)
    return _board(_next_with_work(local_on(clock.now(), actor().clinic.zone)))


@bp.get("/board")
@may("view")
def jump() -> Answer:
    """Where the date picker leads; it keeps the view."""
    on = read_date("date", request.args.get("date", ""))
    return redirect(url_for(".day", on=on, view=_view().value, only=_only() or None), 303)


@bp.get("/board/<on>")
@may("view")
def day(on: str) -> str:
    return _board(read_date("date", on))


@bp.get("/board/<on>/week")
@may("view")
def week(on: str) -> str:
    """The week of the date, from the weekday on which a week begins here."""
    asked = read_date("date", on)
    clinic, now = actor().clinic, clock.now()
    first = clinic.formats.week_start(asked)
    return render_template(
        "board/week.html",
        days=weeks.week(db.session(), clinic, first, now),
        on=asked,
        first=first,
        now=now,
        today=local_on(now, clinic.zone),
        before=first - timedelta(days=7),
        after=first + timedelta(days=7),
    )


@bp.get("/board/<on>/agenda")
@may("view")
def agenda(on: str) -> str:
    """The day as a list, for a person, a kind, or everybody."""
    asked, clinic, now = read_date("date", on), actor().clinic, clock.now()
    board = boards.load(db.session(), clinic, asked, BoardView.CHAIRS, now)
    person, kind = request.args.get("person", ""), request.args.get("kind", "")
    return render_template(
        "board/agenda.html",
        board=board,
        visits=[visit for visit in board.visits if _is_wanted(visit, person, kind)],
        people=practitioners.active(db.session(), clinic.id),
        kinds=sorted({visit.kind for visit in board.visits}),
        person=person,
        kind=kind,
        state_of=boards.state_at,
        now=now,
        today=local_on(now, clinic.zone),
        before=asked - timedelta(days=1),
        after=asked + timedelta(days=1),
    )


@bp.get("/board/<on>/grid")
@may("view")
def grid(on: str) -> Answer:
    """The columns again, or 204 when nothing has changed since the version that the desk has."""
    version = versions.calendar_version(db.session(), actor().clinic.id)
    if request.args.get("since", type=int) == version:
        return Response(status=204)
    return Response(_board(read_date("date", on), "board/_grid.html"))


@bp.get("/ticks.css")
def ticks() -> Response:
    """The style sheet that places things by the five minutes: inline styles are not allowed."""
    return Response(STYLES, mimetype="text/css", headers={"Cache-Control": "public, max-age=86400"})


def _board(on: date, template: str = "board/day.html") -> str:
    clinic, now = actor().clinic, clock.now()
    board = boards.load(db.session(), clinic, on, _view(), now)
    if not allowed(actor(), "tasks"):
        board = replace(board, with_task=frozenset())
    free = availability.load(db.session(), clinic, on, 1, now)
    scale, only = scale_of(clinic.zone, board, free), _only()
    wanted = {visit.id for visit in board.visits if _is_wanted(visit, *_person_and_kind(only))}
    return render_template(
        template,
        board=board,
        only=only,
        wanted=wanted,
        people=practitioners.active(db.session(), clinic.id),
        kinds=sorted({visit.kind for visit in board.visits}),
        scale=scale,
        shades={column.resource_id: day_load.closed(free, column.resource_id) for column in board.columns},
        load=day_load.hours(free),
        is_open=bool(free.open),
        opens_on=None if free.open else next_working_day(db.session(), clinic, on),
        state_of=boards.state_at,
        version=versions.calendar_version(db.session(), clinic.id),
        now=now,
        today=local_on(now, clinic.zone),
        before=on - timedelta(days=1),
        after=on + timedelta(days=1),
    )


def _next_with_work(today: date) -> date:
    """Return the day whose board a desk opens: today, unless it is closed and empty."""
    clinic = actor().clinic
    if working_days(db.session(), clinic)(today):
        return today
    if boards.load(db.session(), clinic, today, _view(), clock.now()).visits:
        return today
    return next_working_day(db.session(), clinic, today) or today


def _only() -> str:
    """Return what the board is narrowed to: "person-" and an id, or "kind-" and a kind; the rest is drawn quietly."""
    return request.args.get("only", "")[:80]


def _person_and_kind(only: str) -> tuple[str, str]:
    what, _, which = only.partition("-")
    return (which if what == "person" else "", which if what == "kind" else "")


def _is_wanted(visit: Appointment, person: str, kind: str) -> bool:
    here = not person or any(one.public_id == person for one in visit.practitioners)
    return here and kind in ("", visit.kind)


def _view() -> BoardView:
    wanted = request.args.get("view", BoardView.CHAIRS.value)
    return BoardView(wanted) if wanted in set(BoardView) else BoardView.CHAIRS
