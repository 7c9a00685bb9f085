"""Making up for a visit that was cancelled or missed.

The make-up is a new visit in the old one's place in the course ("infusion 3 of 6" stays that); later visits move only
as far as the spacing asks for. What was canceled because of it (its check-in call) gets a stand-in too. It is shown
first and done in one transaction, like any move.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import exists, select
from sqlalchemy.orm import Session, aliased, joinedload

from scheduler.domain import planner
from scheduler.domain.planner.values import NoFit, Placement
from scheduler.domain.status import TO_MAKE_UP, CarePlanStatus, CourseEffect
from scheduler.errors import WrongStatus
from scheduler.models.appointment import Appointment
from scheduler.models.care_plan import CarePlan
from scheduler.models.clinic import Clinic
from scheduler.services.actors import Actor
from scheduler.services.course import booking
from scheduler.services.planning.courses import followers, latest, under_way
from scheduler.services.planning.proposals import no_fit
from scheduler.services.planning.visit_rows import People, action_of, planned
from scheduler.services.trail import audit
from scheduler.services.visit.changes import changing
from scheduler.services.visit.moves import WHY, Move, wanted, write


@dataclass(frozen=True)
class MakeUp:
    """The visit that stands in, what moves for it, and the stand-ins for what was canceled with the first one."""

    replaces: Appointment
    visit: Placement
    moves: Sequence[Move]
    along: Sequence[tuple[Appointment, Placement]] = ()

    @property
    def stand_ins(self) -> list[tuple[Appointment, Placement]]:
        """Each visit that is off, with what stands in for it."""
        return [(self.replaces, self.visit), *self.along]


def to_make_up(session: Session, clinic: Clinic) -> Sequence[Appointment]:
    """Return the canceled and missed visits of running courses that are to be made up for, the earliest first."""
    stand_in = aliased(Appointment)
    query = (
        select(Appointment)
        .join(CarePlan, CarePlan.id == Appointment.care_plan_id)
        .where(
            Appointment.clinic_id == clinic.id,
            Appointment.course_effect == CourseEffect.MAKE_UP,
            Appointment.status.in_(TO_MAKE_UP),
            CarePlan.status == CarePlanStatus.ACTIVE,
            ~exists().where(stand_in.replaces_id == Appointment.id),
        )
        .options(joinedload(Appointment.patient))
        .order_by(Appointment.start_at, Appointment.id)
    )
    return session.scalars(query).all()


def plan_make_up(session: Session, actor: Actor, gone: Appointment, now: datetime) -> MakeUp:
    """Return the best make-up; nothing is written. Raises WrongStatus or NoFitFound."""
    care_plan = gone.care_plan
    if care_plan is None or gone.status not in TO_MAKE_UP:
        raise WrongStatus(f"{gone.title} is {gone.status.words}: it cannot be rescheduled")
    if latest(care_plan).get(gone.action) is not gone:
        raise WrongStatus(f"{gone.title} is already rescheduled")
    course = under_way(session, actor, care_plan, now)
    plan = course.request.plan
    along = [one for one in followers(gone) if one.status in TO_MAKE_UP]
    own = {one.action: action_of(one) for one in (gone, *along)}
    request = replace(
        course.request,
        done={action: done for action, done in course.request.done.items() if action not in own},
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
    more = [(one, placed[one.action]) for one in along if one.action in placed]
    return MakeUp(gone, placed[gone.action], moves, more)


def book_make_up(
    session: Session, actor: Actor, make_up: MakeUp, now: datetime, reason: str = ""
) -> Appointment:
    """Book it and move what must move. Raises SlotTaken."""
    gone, patient = make_up.replaces, make_up.replaces.patient
    visits = [visit for _, visit in make_up.stand_ins]
    with changing(session, actor, now, wanted=[*wanted(make_up.moves), (patient, visits)]) as change:
        write(change, make_up.moves, reason)
        people = People(session, actor.clinic, visits)
        rows = []
        for replaced, visit in make_up.stand_ins:
            row = planned(actor.clinic, patient, action_of(replaced), visit, people, now)
            row.care_plan, row.replaces_id = gone.care_plan, replaced.id
            change.add(row, visit)
            rows.append(row)
        session.flush()
        booking.announce(change, gone.care_plan, rows)
        audit.record(session, actor, "appointment.made-up", rows[0], now, reason=reason)
    return rows[0]
