"""Making up for a visit that was cancelled or missed.

The make-up is a new visit in the old one's place in the course ("infusion 3 of 6" stays that); later visits move only
as far as the spacing asks for. It is shown first and done in one transaction, like any move.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.orm import Session

from scheduler.domain import planner
from scheduler.domain.planner.values import NoFit, Placement
from scheduler.domain.status import TO_MAKE_UP
from scheduler.errors import WrongStatus
from scheduler.models.appointment import Appointment
from scheduler.services.actors import Actor
from scheduler.services.course import booking
from scheduler.services.planning.courses import latest, under_way
from scheduler.services.planning.proposals import no_fit
from scheduler.services.planning.visit_rows import People, action_of, planned
from scheduler.services.trail import audit
from scheduler.services.visit.changes import changing
from scheduler.services.visit.moves import WHY, Move, wanted, write


@dataclass(frozen=True)
class MakeUp:
    """The visit that stands in, and what moves for it."""

    replaces: Appointment
    visit: Placement
    moves: Sequence[Move]


def plan_make_up(session: Session, actor: Actor, gone: Appointment, now: datetime) -> MakeUp:
    """Return the best make-up; nothing is written. Raises WrongStatus or NoFitFound."""
    care_plan = gone.care_plan
    if care_plan is None or gone.status not in TO_MAKE_UP:
        raise WrongStatus(f"{gone.title} is {gone.status.words}: it cannot be rescheduled")
    if latest(care_plan).get(gone.action) is not gone:
        raise WrongStatus(f"{gone.title} is already rescheduled")
    course = under_way(session, actor, care_plan, now)
    plan = course.request.plan
    own = {gone.action: action_of(gone)}
    request = replace(
        course.request,
        done={action: done for action, done in course.request.done.items() if action != gone.action},
        plan=replace(plan, actions=tuple(own.get(action.key, action) for action in plan.actions)),
    )
    try:
        result = planner.reflow(
            request, course.visits, {}, course.calendar, course.weights, now=now, keep=course.keep
        )
    except NoFit as refused:
        raise no_fit(refused) from refused
    placed = {visit.action: visit for visit in result.proposal.visits}
    if gone.action not in placed:
        raise WrongStatus(f"{gone.title} follows a visit that is not booked yet: book that visit first")
    moves = [
        Move(course.rows[move.action], placed[move.action], WHY[move.why])
        for move in result.moves
        if move.action in course.rows and move.why in WHY
    ]
    return MakeUp(gone, placed[gone.action], moves)


def book_make_up(
    session: Session, actor: Actor, make_up: MakeUp, now: datetime, reason: str = ""
) -> Appointment:
    """Book it and move what must move. Raises SlotTaken."""
    gone, visit = make_up.replaces, make_up.visit
    patient = gone.patient
    with changing(session, actor, now, wanted=[*wanted(make_up.moves), (patient, [visit])]) as change:
        write(change, make_up.moves, reason)
        people = People(session, actor.clinic, [visit])
        row = planned(actor.clinic, patient, action_of(gone), visit, people, now)
        row.care_plan, row.replaces_id = gone.care_plan, gone.id
        change.add(row, visit)
        session.flush()
        booking.announce(change, gone.care_plan, [row])
        audit.record(session, actor, "appointment.made-up", row, now, reason=reason)
    return row
