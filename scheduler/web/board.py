"""The day board: chairs, rooms or people as columns, time downwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

from flask import Blueprint, Response, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response as Answer

from scheduler import clock
from scheduler.database import db
from scheduler.domain.localtime import local_on
from scheduler.domain.plans import TICK
from scheduler.domain.windows import Window
from scheduler.models import practitioner as practitioners
from scheduler.models import versions
from scheduler.models.appointment import Appointment
from scheduler.models.opening import Opening
from scheduler.models.schedule import closures
from scheduler.models.site import Site
from scheduler.models.user import StaffRole
from scheduler.services.account.permissions import allowed
from scheduler.services.clinic.first_steps import SetupStep
from scheduler.services.clinic.working_days import next_working_day, working_days
from scheduler.services.day import boards, day_load, weeks
from scheduler.services.day.boards import BoardView, Column, Day
from scheduler.services.day.shades import shades
from scheduler.services.planning import availability
from scheduler.services.waitlist import entries, openings
from scheduler.transactions import only_reads
from scheduler.web.addresses import came_from
from scheduler.web.board_scale import STYLES, WEEK_STYLES, scale_of, week_scale_of
from scheduler.web.current import actor
from scheduler.web.first_steps import missing_steps
from scheduler.web.local import read_date
from scheduler.web.shell import INITIALS, may, site_choices

bp = Blueprint("board", __name__)
SITE = "board-site"  # in the session: the site that boards show
STARTING_ON_THEIR_DAY = frozenset({StaffRole.NURSE, StaffRole.THERAPIST, StaffRole.PRESCRIBER})


@bp.get("/")
@may("view")
def today() -> str | Answer:
    """Today's board, or that of the next working day when the clinic is closed today and nothing is booked.

    A clinic that has neither hours nor a chair has nothing to show, and is led to set itself up.
    """
    progress = missing_steps()
    if progress is not None and not progress.done & {SetupStep.HOURS, SetupStep.PLACES}:
        return redirect(url_for("first_steps.index"), 303)
    return _board(_next_with_work(local_on(clock.now(), actor().clinic.zone)), only=_only() or _own())


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
    found = weeks.week(db.session(), clinic, first, now, chosen_site())
    return render_template(
        "board/week.html",
        days=found.days,
        board=found.board,
        scale=week_scale_of(clinic.zone, found),
        state_of=boards.state_at,
        on=asked,
        first=first,
        now=now,
        now_window=Window(now, now + TICK),
        today=local_on(now, clinic.zone),
        before=first - timedelta(days=7),
        after=first + timedelta(days=7),
    )


@bp.get("/board/<on>/agenda")
@may("view")
def agenda(on: str) -> str:
    """The day as a list, for a person, a kind, or everybody."""
    asked, clinic, now = read_date("date", on), actor().clinic, clock.now()
    board = boards.at_site(boards.load(db.session(), clinic, asked, BoardView.CHAIRS, now), chosen_site())
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
    return Response(_board(read_date("date", on), "board/_refreshed.html"))


@bp.post("/board/names")
@may("view")
@only_reads
def names() -> Answer:
    """Show initials instead of names on the boards of this session, or names again."""
    session[INITIALS] = request.form.get("names") == "initials"
    return redirect(came_from() or url_for(".today"), 303)


@bp.post("/board/site")
@may("view")
@only_reads
def site() -> Answer:
    """Show one site on the boards of this session, or all of them again."""
    session[SITE] = request.form.get("site", "")[:40]
    return redirect(came_from() or url_for(".today"), 303)


def chosen_site() -> Site | None:
    """Return the site that boards show; None is all, also for a clinic that has one."""
    return next((one for one in site_choices() if one.public_id == session.get(SITE)), None)


@bp.get("/ticks.css")
def ticks() -> Response:
    """The style sheet that places things by the five minutes: inline styles are not allowed."""
    return _sheet(STYLES)


@bp.get("/week-ticks.css")
def week_ticks() -> Response:
    """The same for the week, where time goes to the right."""
    return _sheet(WEEK_STYLES)


def _sheet(rules: str) -> Response:
    return Response(rules, mimetype="text/css", headers={"Cache-Control": "public, max-age=86400"})


def _board(on: date, template: str = "board/day.html", only: str = "") -> str:
    clinic, now = actor().clinic, clock.now()
    here = chosen_site()
    board = boards.at_site(boards.load(db.session(), clinic, on, _view(), now), here)
    if not allowed(actor(), "tasks"):
        board = replace(board, with_task=frozenset())
    free = availability.load(db.session(), clinic, on, 1, now)
    closed = closures(db.session(), clinic.id, board.bounds.start, board.bounds.end)
    people = practitioners.active(db.session(), clinic.id)
    only = only or _only()
    wanted, person = _wanted(board, only, now), _part(only, "person")
    board = replace(board, columns=_columns(board, wanted, person))
    scale = scale_of(clinic.zone, board, free)
    return render_template(
        template,
        board=board,
        only=only,
        wanted=wanted,
        near=wanted if person else {visit.id for visit in board.visits},
        own=next((one.name for one in people if one.public_id == person), ""),
        people=people,
        kinds=sorted({visit.kind for visit in board.visits}),
        scale=scale,
        shades={column.resource_id: shades(free, closed, column.resource_id) for column in board.columns},
        openings=_openings(board, now),
        load=day_load.hours(free, site=here),
        is_open=bool(free.open),
        opens_on=None if free.open else next_working_day(db.session(), clinic, on),
        state_of=boards.state_at,
        version=versions.calendar_version(db.session(), clinic.id),
        now=now,
        today=local_on(now, clinic.zone),
        before=on - timedelta(days=1),
        after=on + timedelta(days=1),
    )


def _openings(board: Day, now: datetime) -> Sequence[Opening]:
    """Return the day's open times that the desk can offer: where someone waits, in the chairs' view."""
    clinic = actor().clinic
    if board.view is not BoardView.CHAIRS or board.bounds.end <= now or not allowed(actor(), "move"):
        return ()
    if not entries.waiting(db.session(), clinic, now):
        return ()
    return [one for one in openings.listed(db.session(), clinic, now) if one.window.overlaps(board.bounds)]


def _columns(board: Day, wanted: set[int], person: str) -> tuple[Column, ...]:
    """Return the columns to draw: for one person only those with work of theirs, if there are any."""
    if not person:
        return board.columns
    own = tuple(
        column
        for column in board.columns
        if column.public_id == person
        or (board.view is BoardView.CHAIRS and any(block.visit.id in wanted for block in column.blocks))
    )
    return own or board.columns


def _next_with_work(today: date) -> date:
    """Return the day whose board a desk opens: today, unless it is closed and empty."""
    clinic = actor().clinic
    if working_days(db.session(), clinic)(today):
        return today
    if boards.load(db.session(), clinic, today, _view(), clock.now()).visits:
        return today
    return next_working_day(db.session(), clinic, today) or today


def _own() -> str:
    """Return what a nurse, therapist or prescriber sees first: their own visits."""
    person = practitioners.of_user(db.session(), actor().clinic.id, actor().user_id or 0)
    is_narrowed = "view" in request.args or actor().role not in STARTING_ON_THEIR_DAY
    return "" if person is None or is_narrowed else f"person-{person.public_id}"


def _only() -> str:
    """Return what the board is narrowed to; the rest is drawn quietly.

    It is "person-" and an id, "kind-" and a kind, "is-" and a concern; "all" is said where a person starts narrowed.
    """
    return request.args.get("only", "")[:80]


def _part(only: str, what: str) -> str:
    return only.removeprefix(f"{what}-") if only.startswith(f"{what}-") else ""


def _wanted(board: Day, only: str, now: datetime) -> set[int]:
    if concern := _part(only, "is"):
        return {
            visit.id for found, visits in board.concerns(now).items() if found == concern for visit in visits
        }
    person, kind = _part(only, "person"), _part(only, "kind")
    return {visit.id for visit in board.visits if _is_wanted(visit, person, kind)}


def _is_wanted(visit: Appointment, person: str, kind: str) -> bool:
    here = not person or any(one.public_id == person for one in visit.practitioners)
    return here and kind in ("", visit.kind)


def _view() -> BoardView:
    wanted = request.args.get("view", BoardView.CHAIRS.value)
    return BoardView(wanted) if wanted in set(BoardView) else BoardView.CHAIRS
