"""Moving visits: what it takes, shown first, then done in one transaction with one mail.

A move keeps the row and its uid, lets go of its own time first, and sets the patient's answer back. `scope` "one" moves
this visit alone; "following" lets the planner move the fewest later visits that restore the protocol. Nothing that has
begun is ever moved.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from sqlalchemy.orm import Session

from scheduler.domain import planner
from scheduler.domain.planner.values import NoFit, Placement
from scheduler.domain.plans import Role
from scheduler.domain.status import STEP_REFUSALS, STEPS
from scheduler.errors import Invalid, NoFitFound, WrongStatus
from scheduler.models.allocation import of_appointment
from scheduler.models.appointment import Appointment
from scheduler.models.location import Location
from scheduler.models.patient import Patient
from scheduler.models.practitioner import Practitioner
from scheduler.services.account.overrides import may_override
from scheduler.services.account.permissions import allowed
from scheduler.services.actors import Actor
from scheduler.services.planning import assignments, rules
from scheduler.services.planning.courses import OngoingCourse, latest, under_way
from scheduler.services.planning.placing import place
from scheduler.services.planning.proposals import no_fit
from scheduler.services.planning.visit_rows import People, action_of
from scheduler.services.visit.changes import Changes, changing, release_expired

SCOPES = ("one", "following")
ASKED = "requested"
NOTHING: Mapping[int, int] = MappingProxyType({})
WHY = {"follows": "keeps the spacing", "resources": "other staff or room, same time"}


@dataclass(frozen=True)
class Move:
    """A visit, where it goes, and why. Where it comes from is still on the appointment until the move is applied."""

    appointment: Appointment
    visit: Placement
    why: str


def plan_move(
    session: Session,
    actor: Actor,
    appointment: Appointment,
    start: datetime,
    now: datetime,
    location: Location | None = None,
    practitioners: Sequence[Practitioner] | None = None,
    scope: str = "one",
    override_reason: str = "",
) -> list[Move]:
    """Return the moves that it takes, the asked-for one first; nothing is written.

    The visit keeps its place and people where they are free, unless others are given. Raises WrongStatus for a visit
    that has begun, Invalid or NoFitFound when it cannot be there, RuleBroken when the course's gaps would break.
    """
    _require_movable(appointment, scope, now)
    assignments.require(action_of(appointment), location, practitioners or ())
    release_expired(session, actor.clinic, now)
    care_plan = appointment.care_plan
    if care_plan is None or appointment.id not in {one.id for one in latest(care_plan).values()}:
        visit = _place(session, actor, appointment, start, now, location, practitioners)
        return [Move(appointment, visit, ASKED)]
    course = under_way(session, actor, care_plan, now)
    moves = _reflow(actor, course, appointment, start, now, override_reason) if scope == "following" else []
    if moves:
        if location is not None or practitioners is not None:
            going = frozenset(move.appointment.id for move in moves)
            visit = _place(session, actor, appointment, start, now, location, practitioners, going)
            moves[0] = Move(appointment, visit, ASKED)
        return moves
    visit = _place(session, actor, appointment, start, now, location, practitioners)
    judge(actor, course, {**course.visits, appointment.action: visit}, now, override_reason)
    return [Move(appointment, visit, ASKED)]


def _reflow(
    actor: Actor,
    course: OngoingCourse,
    appointment: Appointment,
    start: datetime,
    now: datetime,
    override_reason: str,
) -> list[Move]:
    """Return the asked-for move and the fewest others that keep the course's rules. Raises NoFitFound.

    Nothing when the visit follows one that has no time yet (a later booster): then it has no place in the course.
    """
    if start < now:
        raise Invalid([("start", "is in the past")])
    bend = may_override(actor, override_reason)
    moved = {appointment.action: start}
    try:
        result = planner.reflow(
            course.request,
            course.visits,
            moved,
            course.calendar,
            course.weights,
            now=now,
            keep=course.keep,
            bend=bend,
        )
    except NoFit as refused:
        raise no_fit(refused) from refused
    placed = {visit.action: visit for visit in result.proposal.visits}
    if appointment.action not in placed:
        return []
    others = [
        Move(course.rows[move.action], placed[move.action], WHY[move.why])
        for move in result.moves
        if move.action not in moved and move.why in WHY
    ]
    return [Move(appointment, placed[appointment.action], ASKED), *others]


def judge(
    actor: Actor, course: OngoingCourse, after: Mapping[str, Placement], now: datetime, override_reason: str
) -> None:
    """Raise RuleBroken when the course would break gaps that it keeps now. Wishes do not bind a hand that moves."""
    before, to_come = list(course.visits.values()), list(after.values())
    rules.check_change(actor, course.request, course.calendar, before, to_come, now, override_reason)


def apply_moves(
    session: Session,
    actor: Actor,
    moves: Sequence[Move],
    now: datetime,
    reason: str = "",
    undone: Mapping[int, int] = NOTHING,
    override_reason: str = "",
) -> None:
    """Write the moves in one go, with one mail for each patient. Raises SlotTaken and leaves nothing half done.

    `undone` are the events that these moves take back, by visit. An `override_reason` is kept, and marked as one, in
    the history of each visit.
    """
    if not moves:
        return
    if not allowed(actor, "override"):  # who may not override a rule gives a reason like any other
        reason, override_reason = reason or override_reason, ""
    with changing(session, actor, now, wanted=wanted(moves), override_reason=override_reason) as change:
        write(change, moves, reason, undone, override_reason)


def wanted(moves: Sequence[Move]) -> list[tuple[Patient, list[Placement]]]:
    """Return what the moves will use, by patient."""
    return [(patient, [move.visit for move in theirs]) for patient, theirs in by_patient(moves)]


def write(
    change: Changes,
    moves: Sequence[Move],
    reason: str = "",
    undone: Mapping[int, int] = NOTHING,
    override_reason: str = "",
) -> None:
    """Move appointments as part of a larger change."""
    people = People(change.session, change.actor.clinic, [move.visit for move in moves])
    for move in moves:
        row, start = move.appointment, move.appointment.start_at
        change.put(row, move.visit, people)
        also: dict[str, tuple[object, object]] = {"start": (start, row.start_at)}
        kind = "reschedule"
        if row.id in undone:
            kind, also["event"] = "undo", (undone[row.id], None)
        if override_reason:
            also["override"] = (None, True)
        change.note(row, kind, override_reason or reason or move.why, "appointment.moved", also=also)


def by_patient(moves: Sequence[Move]) -> list[tuple[Patient, list[Move]]]:
    """Return the moves of each patient, in order of the first."""
    groups: dict[int, tuple[Patient, list[Move]]] = {}
    for move in moves:
        patient = move.appointment.patient
        groups.setdefault(patient.id, (patient, []))[1].append(move)
    return list(groups.values())


def _place(
    session: Session,
    actor: Actor,
    appointment: Appointment,
    start: datetime,
    now: datetime,
    location: Location | None,
    practitioners: Sequence[Practitioner] | None,
    going: frozenset[int] = frozenset(),
) -> Placement:
    """Find the visit's resources at its new start: the given ones, else its own place and people, else any.

    Nurses are not kept: who watches is the day's matter. `going` are other visits whose time counts as free.
    """
    given = [one.resource_id for one in (location, *(practitioners or ())) if one is not None]
    rows = of_appointment(session, appointment.id)
    kept = {row.resource_id for row in rows if is_kept(row.role, location, practitioners)}
    action, releasing = action_of(appointment), going | {appointment.id}
    for chosen in ([*given, *sorted(kept)], given):
        try:
            return place(session, actor, appointment.patient, action, start, now, chosen, releasing)
        except NoFitFound:
            if chosen == given:
                raise
    raise AssertionError("the last try returns or raises")


def is_kept(
    role: str, location: Location | None = None, practitioners: Sequence[Practitioner] | None = None
) -> bool:
    """Tell whether a visit that moves keeps what it has in this role, where nothing else was given."""
    if role in (Role.CHAIR, Role.ROOM):
        return location is None
    return role in (Role.THERAPIST, Role.PRESCRIBER) and practitioners is None


def _require_movable(appointment: Appointment, scope: str, now: datetime) -> None:
    if scope not in SCOPES:
        raise Invalid([("scope", f"must be one of {', '.join(SCOPES)}")])
    if appointment.status not in STEPS["reschedule"]:
        raise WrongStatus(f"{appointment.title} is {appointment.status.words}: {STEP_REFUSALS['reschedule']}")
    if appointment.start_at <= now:
        raise WrongStatus(f"{appointment.title} has begun: it cannot be moved")
