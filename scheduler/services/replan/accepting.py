"""Accepting a re-plan: each patient in a transaction of its own, with one message, by the one writer of appointments.

A visit may go to a time that another patient's visit leaves, so those that leave come first; patients who take each
other's times move in one transaction. When the calendar has changed since the search, the course is planned again on
the live calendar; what would bend more than was shown is not done, and says so. A job that is begun again goes on with
those that are left.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from scheduler.domain import planner
from scheduler.domain.planner.many.insertion import insert
from scheduler.domain.planner.many.values import Bend
from scheduler.domain.planner.values import Placement
from scheduler.errors import Invalid, Refusal, RuleBroken, WrongStatus
from scheduler.models import job as jobs_table
from scheduler.models.appointment import Appointment
from scheduler.models.job import Job
from scheduler.models.replan import Replan, ReplanCourse, ReplanState
from scheduler.services import jobs
from scheduler.services.account.overrides import may_override
from scheduler.services.actors import Actor
from scheduler.services.clinic import displaced, planner_weights
from scheduler.services.planning import availability, rules
from scheduler.services.planning.courses import under_way
from scheduler.services.planning.placement_documents import placement_of
from scheduler.services.progress import Part, Progress
from scheduler.services.replan import affected, replans
from scheduler.services.replan.outdated import NOT_AFFECTED, TAKEN, TO_ACCEPT, outdated
from scheduler.services.replan.planned_moves import known_visits, planned_moves
from scheduler.services.trail import audit
from scheduler.services.visit.judge import record_override
from scheduler.services.visit.moves import Move, apply_moves, judge

KIND = "accept-replan"
BY_DEFAULT = (ReplanState.PLANNED,)
WHY = "the clinic re-planned visits"
CONFIRMED = "A visit that is confirmed by now would move. Search again."


@dataclass(frozen=True)
class AcceptanceWork:
    """Which courses are accepted, by patient, and by which job."""

    clinic_id: int
    job: str
    groups: tuple[tuple[int, ...], ...]
    reason: str


def ask(
    session: Session,
    actor: Actor,
    replan: Replan,
    now: datetime,
    course_ids: Collection[str] | None = None,
    override_reason: str = "",
) -> Job:
    """Put accepting in line: the courses named, or all that keep their protocol and the patient's wishes.

    Of all, those are left out whose plan does not hold any more: they need another search. Raises Invalid for a course
    that has no plan, RuleBroken for a spacing that the actor may not break or gives no reason for, WrongStatus while
    another job is at it or where nothing is left to accept.
    """
    replans.require_idle(session, replan)
    rows = replans.courses(session, replan)
    if course_ids is not None:
        unknown = sorted(set(course_ids) - {row.public_id for row in rows if row.state in TO_ACCEPT})
        if unknown:
            raise Invalid([("courses", f"{unknown[0]} has no plan to accept")])
        rows = [row for row in rows if row.public_id in course_ids]
    else:
        rows = [row for row in rows if row.state in BY_DEFAULT]
        gone = outdated(session, actor.clinic, rows, now)
        if gone and len(gone) == len(rows):
            raise WrongStatus("The calendar has changed since the search: search again")
        rows = [row for row in rows if row.id not in gone]
    if not rows:
        raise WrongStatus("There is nothing left to accept")
    if any(Bend.SPACING in row.bent for row in rows) and not may_override(actor, override_reason):
        raise RuleBroken("The spacing would be broken: that needs the permission to override, and a reason")
    request = {"courses": [row.public_id for row in rows], "reason": override_reason}
    return replans.begin_step(session, actor, replan, KIND, request, now)


def read(session: Session, actor: Actor, request: Mapping[str, Any], _now: datetime) -> AcceptanceWork:
    """Return the courses of a job that are not accepted yet."""
    replan = replans.get(session, actor.clinic, request["replan"])
    groups: dict[int, list[ReplanCourse]] = {}
    for row in replans.courses(session, replan):
        if row.public_id in request["courses"] and row.state in TO_ACCEPT:
            groups.setdefault(row.appointment.patient_id, []).append(row)
    ids = tuple(tuple(row.id for row in rows) for rows in leaving_first(list(groups.values())))
    return AcceptanceWork(actor.clinic.id, replan.step_job, ids, request["reason"])


def check(work: AcceptanceWork, _now: datetime, _progress: Progress) -> AcceptanceWork:
    return work


def parts(work: AcceptanceWork, now: datetime) -> Iterator[Part]:
    """Yield what accepts each patient's courses; who is refused has another turn, as long as that helps.

    What is left is tried at once, for patients may take each other's times, and then planned again one by one.
    """
    total, left = len(work.groups), list(work.groups)
    while left:
        refused: list[tuple[int, ...]] = []
        for group in left:
            yield Part(
                total - len(left), total, partial(_accept, work=work, group=group, now=now, refused=refused)
            )
        if len(refused) in (0, len(left)):
            left = refused
            break
        left = refused
    if len(left) > 1:
        every = tuple(id_ for group in left for id_ in group)
        refused = []
        yield Part(
            total - len(left), total, partial(_accept, work=work, group=every, now=now, refused=refused)
        )
        left = left if refused else []
    for done, group in enumerate(left, total - len(left) + 1):
        yield Part(done, total, partial(_accept_replanned, work=work, group=group, now=now))


def leaving_first(groups: Sequence[Sequence[ReplanCourse]]) -> list[Sequence[ReplanCourse]]:
    """Return groups of courses so that those come first whose visits leave a time that others take."""
    leaves = [_stretches(group, "from") for group in groups]
    takes = [_stretches(group, "to") for group in groups]
    before = [
        [n for n, left in enumerate(leaves) if n != own and _meet(taken, left)]
        for own, taken in enumerate(takes)
    ]
    order: dict[int, None] = {}
    seen: set[int] = set()

    def visit(number: int) -> None:
        if number not in seen:
            seen.add(number)
            for earlier in before[number]:
                visit(earlier)
            order[number] = None

    for number in range(len(groups)):
        visit(number)
    return [groups[number] for number in order]


def _stretches(group: Sequence[ReplanCourse], end: str) -> list[tuple[int, datetime, datetime]]:
    placements = [placement_of(move[end]) for row in group for move in row.moves]
    return [(one.resource_id, one.start, one.end) for visit in placements for one in visit.segments]


def _meet(
    some: Sequence[tuple[int, datetime, datetime]], others: Sequence[tuple[int, datetime, datetime]]
) -> bool:
    return any(a[0] == b[0] and a[1] < b[2] and b[1] < a[2] for a in some for b in others)


def write(
    session: Session, actor: Actor, request: Mapping[str, Any], _work: AcceptanceWork, now: datetime
) -> dict[str, Any]:
    """Record what was accepted; return how many were, and how many could not be.

    A reason is recorded with the visits that it is about, where it is removed when their patient is erased.
    """
    replan = replans.get(session, actor.clinic, request["replan"])
    asked = [row for row in replans.courses(session, replan) if row.public_id in request["courses"]]
    accepted = sum(row.state is ReplanState.ACCEPTED for row in asked)
    replan.accepted_at = now
    audit.record(session, actor, "replan.accepted", replan, now, [f"courses:{accepted}"])
    return {"accepted": accepted, "refused": len(asked) - accepted}


def _accept(
    session: Session,
    work: AcceptanceWork,
    group: tuple[int, ...],
    now: datetime,
    refused: list[tuple[int, ...]],
) -> None:
    """Move the visits of these courses, or add them to those that are refused."""
    actor, rows = _actor(session, work), _left(session, group)
    if rows and _apply(session, actor, rows, work.reason, now) is not None:
        refused.append(group)


def _accept_replanned(session: Session, work: AcceptanceWork, group: tuple[int, ...], now: datetime) -> None:
    """Plan each of these courses again on the live calendar, and move its visits, or note why not."""
    actor = _actor(session, work)
    for row in _left(session, group):
        refusal = _replanned(session, actor, row, now) or _apply(session, actor, [row], work.reason, now)
        if refusal is not None:
            row.reasons = [refusal]


def _left(session: Session, group: Sequence[int]) -> list[ReplanCourse]:
    """Return those of these courses that no other worker has accepted: a job may be begun twice."""
    rows = [session.get_one(ReplanCourse, id_, populate_existing=True) for id_ in group]
    return [row for row in rows if row.state in TO_ACCEPT]


def _actor(session: Session, work: AcceptanceWork) -> Actor:
    """Return who accepts, with an operation of its own in the history."""
    job = jobs_table.by_public_id(session, work.clinic_id, work.job)
    if job is None:
        raise AssertionError("the job that accepts is gone")
    return replace(jobs.asker(session, job), operation=str(uuid4()))


def _apply(
    session: Session, actor: Actor, rows: Sequence[ReplanCourse], reason: str, now: datetime
) -> str | None:
    """Move the visits of these courses; return why it cannot be done, and leave everything as it was.

    The reason overrides nothing but a spacing that was shown as broken.
    """
    reasons = {row.id: reason if Bend.SPACING in row.bent else "" for row in rows}
    try:
        with session.begin_nested():
            moves = [move for row in rows for move in _moves(session, actor, row, now)]
            for row in rows:
                _judge(session, actor, row, moves, reasons[row.id], now)
            apply_moves(session, actor, moves, now, WHY, override_reason=max(reasons.values()))
            if displaced.among(session, actor.clinic, [move.appointment for move in moves]):
                raise WrongStatus(TAKEN)  # such as a chair that was retired, as the one before it
            for row in rows:
                row.state, row.accepted_at, row.operation = ReplanState.ACCEPTED, now, actor.operation
                row.reasons = []
    except Refusal as refused:
        return refused.words
    return None


def _moves(session: Session, actor: Actor, row: ReplanCourse, now: datetime) -> list[Move]:
    """Return the moves of a course as they were planned.

    Raises WrongStatus where a visit has changed since, or is not affected any more.
    """
    if not {visit.id for visit in _lost(session, actor, row, now)}.issuperset(row.displaced):
        raise WrongStatus(NOT_AFFECTED)
    found = []
    for planned in row.moves:
        visit = session.get_one(Appointment, planned["visit"], populate_existing=True)
        if visit.row_version != planned["row_version"]:
            raise WrongStatus(f"{visit.numbered_title} has changed since")
        found.append(Move(visit, placement_of(planned["to"]), WHY))
    return found


def _lost(session: Session, actor: Actor, row: ReplanCourse, now: datetime) -> list[Appointment]:
    """Return those of a course's displaced visits that are displaced still, and ahead."""
    visits = session.scalars(select(Appointment).where(Appointment.id.in_(row.displaced))).all()
    return [one.visit for one in displaced.among(session, actor.clinic, visits) if one.visit.start_at > now]


def _judge(
    session: Session,
    actor: Actor,
    row: ReplanCourse,
    moves: Sequence[Move],
    reason: str,
    now: datetime,
) -> None:
    """Raise RuleBroken when the course would break a rule that it keeps now."""
    ids = {planned["visit"] for planned in row.moves}
    own = {move.visit.action: move for move in moves if move.appointment.id in ids}
    care_plan = row.appointment.care_plan
    visits = {action: move.visit for action, move in own.items()}
    course = under_way(session, actor, care_plan, now) if care_plan is not None else None
    if course is None or not {one.id for one in course.rows.values()}.issuperset(ids):
        _judge_alone(session, actor, row.appointment, visits, now)
        return
    broken = judge(actor, course, {**course.visits, **visits}, now, reason)
    record_override(session, actor, row.appointment, broken, now, reason)


def _judge_alone(
    session: Session, actor: Actor, visit: Appointment, moved: Mapping[str, Placement], now: datetime
) -> None:
    request = affected.alone_request(visit)
    on = min(one.start for one in moved.values()).astimezone(actor.clinic.zone).date()
    calendar = availability.load(session, actor.clinic, on, 1, now, visit.patient, frozenset({visit.id}))
    found = planner.check(rules.by_hand(request), calendar, list(moved.values()), now=now)
    rules.refuse([one for one in found if one.rule not in rules.LEFT_TO_OCCUPY], override=False)


def _replanned(session: Session, actor: Actor, row: ReplanCourse, now: datetime) -> str | None:
    """Plan a course again on the live calendar; return why that cannot be accepted as it was shown.

    Visits that were pinned stay. It may bend no other wish or spacing than was shown, and moves no visit that is
    confirmed, unless that was shown.
    """
    lost = _lost(session, actor, row, now)
    if not lost:
        return NOT_AFFECTED
    pinned = row.replan.options.get("pinned", ())
    courses, calendar = affected.courses(session, actor, lost, now, pinned)
    shown, shown_gaps = {Bend(one) for one in row.bent}, set(row.gaps)
    shown_as_kept = {move["visit"] for move in row.moves if move["kept"]}
    bent: list[str] = []
    gaps: list[str] = []
    moves: list[dict[str, Any]] = []
    successors = {one["leaving"]: one["successor"] for one in (row.replan.result or {}).get("successors", ())}
    for one in courses:
        seen = affected.seen_by(one.course, calendar)
        leaving = affected.with_leaving(one.course, successors).leaving
        course = replace(one.course, successor=successors.get(leaving, 0))
        plan = insert(course, seen, planner_weights.of(actor.clinic), now)
        if plan is None or not ({*plan.bent} <= shown and {*plan.bent_gaps} <= shown_gaps):
            return TAKEN
        retimed = {change.action for change in plan.changes if change.why != "resources"}
        if not {one.rows[action].id for action in retimed & one.course.keep} <= shown_as_kept:
            return CONFIRMED
        bent += [bend.value for bend in plan.bent]
        gaps += plan.bent_gaps
        moves += planned_moves(plan, known_visits(one.rows))
    row.moves, row.bent, row.gaps = moves, bent, gaps
    row.displaced = sorted(visit.id for visit in lost)
    return None
