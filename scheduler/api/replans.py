"""Re-plans: what a closed day or an absence displaces gets new times, shown first, then accepted or undone.

The worker searches, accepts and undoes; each answer names its job.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from scheduler import clock
from scheduler.api.fields import At, Body, Id, Instant, OverrideReason, TextLine, View, at
from scheduler.api.jobs import JobView
from scheduler.api.jobs import view as job_view
from scheduler.api.operations import Answer, call
from scheduler.api.resources import Scope as ScopeName
from scheduler.api.resources import naming, resource_of
from scheduler.database import db
from scheduler.domain.planner.many.values import Bend
from scheduler.errors import Invalid
from scheduler.http import access
from scheduler.models.replan import Replan, ReplanState
from scheduler.models.schedule import ClosureKind
from scheduler.services.account.permissions import require
from scheduler.services.actors import Actor
from scheduler.services.clinic import schedules
from scheduler.services.replan import accepting, outdated, preview, replans, suggested, undoing
from scheduler.services.replan.affected import Scope
from scheduler.services.replan.preview import ShownCourse, ShownMove, ShownSuggestion

MOST_CHOSEN = 500
CLINIC: tuple[ScopeName, None] = ("clinic", None)


class NewReplan(Body):
    """What is displaced by a closure (`closure_id`), or by one that is made for this, from `start` to `end`: of the
    clinic, of a `site_id`, a `location_id` or a `practitioner_id`. With nothing given, everything that is displaced
    now.
    """

    closure_id: Id | None = None
    site_id: Id | None = None
    location_id: Id | None = None
    practitioner_id: Id | None = None
    start: Instant | None = None
    end: Instant | None = None
    reason: Annotated[str, TextLine(200)] = ""


class Options(Body):
    """Ids of visits: `pinned` ones stay where they are, the courses of those `left_out` are not touched."""

    pinned: list[Id] = Field(default=[], max_length=MOST_CHOSEN)
    left_out: list[Id] = Field(default=[], max_length=MOST_CHOSEN)


class Acceptance(Body):
    """Without `patient_ids` all that keep the protocol and the patient's wishes and are not `outdated`; with them also
    those that bend one. An outdated plan is made again.

    Breaking the spacing needs the permission `override` and an `override_reason`.
    """

    patient_ids: list[Id] | None = Field(default=None, max_length=MOST_CHOSEN)
    override_reason: OverrideReason = ""


class ReplannedVisitView(View):
    """A visit that changes. `displaced` tells that it lost its time, its place or one of its people."""

    appointment_id: Id
    title: str
    displaced: bool
    start: At
    new_start: At
    new_end: At
    location: str
    practitioners: list[str]


class ReplanSuggestionView(View):
    """What would give a course a place. Without `moves` it asks for more staff, and cannot be used."""

    text: str
    moves: list[ReplannedVisitView]
    bent: list[Bend]
    gaps: list[str]


class UsedSuggestion(Body):
    """The `number` of a suggestion of a course, from 0."""

    course_id: Id
    number: Annotated[int, Field(ge=0, le=10)]


class ReplanCourseView(View):
    """A course: `planned`, `ask` (it bends something: ask the patient first), `unplaced`, `accepted` or `undone`.

    `bent` is what is not kept: the `person` or `weekday` or `hours` wished for, or the `spacing` before `gaps`.
    `outdated` says why a plan does not hold any more, after a change of the calendar since the search.
    """

    id: Id
    patient_id: Id
    care_plan_id: Id | None
    state: Literal["planned", "ask", "unplaced", "accepted", "undone"]
    displaced: list[Id]
    moves: list[ReplannedVisitView]
    bent: list[Bend]
    gaps: list[str]
    reasons: list[str]
    suggestions: list[ReplanSuggestionView]
    outdated: str


class ReplanTotals(View):
    """`moves` counts the visits that change their time. `least_moves` would be enough if each course could use the time
    of all the others, with as little bent as possible: a plan that bends more may move fewer.

    `planned`, `ask` and `unplaced` count courses as the search left them. `is_least`: nothing places more, bends less
    or moves fewer visits.
    """

    visits: int
    patients: int
    planned: int
    ask: int
    unplaced: int
    moves: int
    least_moves: int
    other_moves: int
    confirmed_moved: int
    is_least: bool
    is_proven: bool
    seconds: int
    stopped: bool


class SuccessorView(View):
    """The therapist who takes over `courses` of the `of` courses of one who leaves."""

    leaving: str
    name: str
    courses: int
    of: int


class ReplanView(View):
    """`search` is the job that looks for times, `step` the one that accepts or undoes; jobs go after a week."""

    id: Id
    closure_id: Id | None
    scope: ScopeName
    scope_id: Id | None
    start: At | None
    end: At | None
    search: JobView | None
    step: JobView | None
    totals: ReplanTotals | None
    successors: list[SuccessorView]
    courses: list[ReplanCourseView]
    created_at: At
    accepted_at: At | None
    undone_at: At | None


@call("POST", "/replans", may="move", body=NewReplan, gives=ReplanView, status=202)
def create_replan(actor: Actor, body: NewReplan) -> Answer:
    """Look for new times for what is displaced. Nothing is moved; the answer names the job, then shows the preview.

    Closing needs the permission `close`.
    """
    session, now = db.session(), clock.now()
    if body.closure_id is not None:
        closure = schedules.get_closure(session, actor.clinic, body.closure_id)
        replan = replans.ask(session, actor, now, replans.of_closure(closure), closure)
    elif body.start is None and body.end is None:
        if body.location_id or body.practitioner_id:
            raise Invalid([("start", "is missing: from when to when is it not available?")])
        replan = replans.ask(session, actor, now, Scope())
    else:
        replan = _closing(actor, body)
    return _accepted(actor, replan)


def _closing(actor: Actor, body: NewReplan) -> Replan:
    session, now = db.session(), clock.now()
    require(actor, "close")
    if body.start is None or body.end is None:
        raise Invalid([("end" if body.end is None else "start", "is missing")])
    named: list[tuple[ScopeName, str | None]] = [
        ("site", body.site_id),
        ("location", body.location_id),
        ("practitioner", body.practitioner_id),
    ]
    given = [(scope, scope_id) for scope, scope_id in named if scope_id]
    if len(given) > 1:
        raise Invalid([("location_id", "give one of a site, a location and a practitioner")])
    scope, scope_id = given[0] if given else CLINIC
    resource = resource_of(actor, scope, scope_id)
    kind = ClosureKind.LEAVE if scope == "practitioner" else ClosureKind.CLOSURE
    closure, _ = schedules.close(session, actor, body.start, body.end, now, resource, kind, body.reason)
    return replans.ask(session, actor, now, replans.of_closure(closure), closure, closes=True)


@call("GET", "/replans/<replan_id>", may="move", gives=ReplanView)
def get_replan(actor: Actor, replan_id: str) -> Answer:
    """Show a re-plan: the search, totals with their bound, each course before and after."""
    return Answer(_view(actor, replans.get(db.session(), actor.clinic, replan_id)))


@call("POST", "/replans/<replan_id>/search", may="move", body=Options, gives=ReplanView, status=202)
def search_replan_again(actor: Actor, body: Options, replan_id: str) -> Answer:
    """Look again for what is displaced still; what was accepted stays accepted."""
    replan = replans.get(db.session(), actor.clinic, replan_id)
    replans.again(db.session(), actor, replan, clock.now(), body.pinned, body.left_out)
    return _accepted(actor, replan)


@call("POST", "/replans/<replan_id>/stop", may="move", gives=ReplanView, status=202)
def stop_replan(actor: Actor, replan_id: str) -> Answer:
    """End the search with the best that it has found."""
    replan = replans.get(db.session(), actor.clinic, replan_id)
    replans.stop(db.session(), actor, replan, clock.now())
    return _accepted(actor, replan)


@call(
    "POST",
    "/replans/<replan_id>/acceptance",
    may="move",
    body=Acceptance,
    gives=ReplanView,
    status=202,
    refuses=(409,),
)
def accept_replan(actor: Actor, body: Acceptance, replan_id: str) -> Answer:
    """Move the visits, each patient in one step with one message. A course whose times are taken is planned again."""
    session = db.session()
    replan = replans.get(session, actor.clinic, replan_id)
    ids = None
    if body.patient_ids is not None:
        wanted = set(body.patient_ids)
        rows = replans.courses(session, replan)
        unknown = sorted(wanted - {row.appointment.patient.public_id for row in rows})
        if unknown:
            raise Invalid([("patient_ids", f"{unknown[0]} has nothing to accept")])
        ids = [
            row.public_id
            for row in rows
            if row.appointment.patient.public_id in wanted and row.state in outdated.TO_ACCEPT
        ]
    accepting.ask(session, actor, replan, clock.now(), ids, body.override_reason)
    return _accepted(actor, replan)


@call("POST", "/replans/<replan_id>/suggestions", may="move", body=UsedSuggestion, gives=ReplanView)
def use_replan_suggestion(actor: Actor, body: UsedSuggestion, replan_id: str) -> Answer:
    """Take a suggestion as the plan of an `unplaced` course: it becomes `ask`. Nothing moves until it is accepted."""
    replan = replans.get(db.session(), actor.clinic, replan_id)
    suggested.use(db.session(), replan, body.course_id, body.number)
    return Answer(_view(actor, replan))


@call("DELETE", "/replans/<replan_id>", may="move", gives=ReplanView, status=202, refuses=(409,))
def undo_replan(actor: Actor, replan_id: str) -> Answer:
    """Undo the accepted moves, within 24 hours and while no moved visit has changed.

    What was closed for it opens.
    """
    replan = replans.get(db.session(), actor.clinic, replan_id)
    if replan.closes:
        require(actor, "close")
    undoing.ask(db.session(), actor, replan, clock.now())
    return _accepted(actor, replan)


def _accepted(actor: Actor, replan: Replan) -> Answer:
    return Answer(_view(actor, replan), location=f"/api/v1/replans/{replan.public_id}")


def _view(actor: Actor, replan: Replan) -> ReplanView:
    session = db.session()
    scope, scope_id = naming(actor, replan.resource_id)
    search, step = replans.search_of(session, replan), replans.step_of(session, replan)
    courses = preview.of_replan(session, actor.clinic, replan)
    gone = outdated.outdated(session, actor.clinic, [one.row for one in courses], clock.now())
    totals = {
        key: value for key, value in (replan.result or {}).items() if key not in ("ended_at", "successors")
    }
    return ReplanView(
        id=replan.public_id,
        closure_id=replan.closure or None,
        scope=scope,
        scope_id=scope_id,
        start=_or_none(replan.start_at),
        end=_or_none(replan.end_at),
        search=job_view(search) if search else None,
        step=job_view(step) if step else None,
        totals=ReplanTotals(**totals) if totals else None,
        successors=[
            SuccessorView(leaving=one.leaving, name=one.name, courses=one.courses, of=one.of)
            for one in preview.successors(session, replan)
        ],
        courses=[_course(one, gone.get(one.row.id, "")) for one in courses],
        created_at=at(replan.created_at),
        accepted_at=_or_none(replan.accepted_at),
        undone_at=_or_none(replan.undone_at),
    )


def _or_none(instant: datetime | None) -> str | None:
    return at(instant) if instant is not None else None


def _course(one: ShownCourse, outdated: str) -> ReplanCourseView:
    row, care_plan = one.row, one.row.appointment.care_plan
    access.touch(one.patient)
    return ReplanCourseView(
        id=row.public_id,
        patient_id=one.patient.public_id,
        care_plan_id=care_plan.public_id if care_plan else None,
        state=ReplanState(row.state).value,
        displaced=[visit.public_id for visit in one.lost],
        moves=[_move(move) for move in one.moves],
        bent=[Bend(one) for one in row.bent],
        gaps=row.gaps,
        reasons=row.reasons,
        suggestions=[_suggestion(suggestion) for suggestion in one.suggestions],
        outdated=outdated,
    )


def _suggestion(one: ShownSuggestion) -> ReplanSuggestionView:
    return ReplanSuggestionView(
        text=one.text,
        moves=[_move(move) for move in one.moves],
        bent=[Bend(bend) for bend in one.bent],
        gaps=list(one.gaps),
    )


def _move(move: ShownMove) -> ReplannedVisitView:
    return ReplannedVisitView(
        appointment_id=move.visit.public_id,
        title=move.visit.numbered_title,
        displaced=move.displaced,
        start=at(move.before.start),
        new_start=at(move.after.start),
        new_end=at(move.after.attended_end),
        location=move.places[1],
        practitioners=list(move.people[1]),
    )
