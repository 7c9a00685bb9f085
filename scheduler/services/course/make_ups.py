"""Making up for a visit that was cancelled or missed.

The make-up is a new visit in the old one's place in the course ("infusion 3 of 6" stays that); later visits move only
as far as the spacing asks for. What was canceled because of it (its check-in call) gets a stand-in too. It is shown
first and done in one transaction, like any move.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

from sqlalchemy import and_, exists, or_, select
from sqlalchemy.orm import Session, aliased, joinedload

from scheduler.domain.planner.values import Placement
from scheduler.domain.status import LIVE, TO_MAKE_UP, CarePlanStatus, CourseEffect
from scheduler.domain.status import AppointmentStatus as S
from scheduler.errors import Invalid, WrongStatus
from scheduler.models.appointment import Appointment
from scheduler.models.care_plan import CarePlan
from scheduler.models.clinic import Clinic
from scheduler.models.location import Where
from scheduler.models.practitioner import Practitioner
from scheduler.services.account.overrides import may_override
from scheduler.services.actors import Actor
from scheduler.services.course import booking
from scheduler.services.planning.courses import followers, latest
from scheduler.services.planning.dosing_days import kept_free
from scheduler.services.planning.visit_rows import People, action_of, planned
from scheduler.services.trail import audit
from scheduler.services.visit.changes import changing, release_expired
from scheduler.services.visit.moves import Move, MovePlanner, Trial, wanted, write


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

    @property
    def all_moves(self) -> list[Move]:
        """Everything that gets a time, the visit itself first: what a preview is bound to."""
        return [*(Move(row, visit, "") for row, visit in self.stand_ins), *self.moves]


class MakeUpPlanner(MovePlanner):
    """Plans the visit that stands in for one that was canceled or missed. Raises WrongStatus for any other."""

    def __init__(
        self,
        session: Session,
        actor: Actor,
        gone: Appointment,
        now: datetime,
        location: Where | None = None,
        practitioners: Sequence[Practitioner] | None = None,
    ) -> None:
        super().__init__(session, actor, gone, now, location, practitioners, "following")

    def _require(self) -> None:
        gone, care_plan = self.appointment, self.appointment.care_plan
        if care_plan is None or gone.status not in TO_MAKE_UP:
            raise WrongStatus(f"{gone.title} is {gone.status.words}: it cannot be rescheduled")
        if latest(care_plan).get(gone.action) is not gone:
            raise WrongStatus(f"{gone.title} is already rescheduled")

    @cached_property
    def unplaced(self) -> Mapping[str, Appointment]:
        along = [one for one in followers(self.appointment) if one.status in TO_MAKE_UP]
        return {one.action: one for one in (self.appointment, *along)}

    def best(self) -> list[Move]:
        """Return the moves for the best start, away from the patient's doses in other courses. Raises NoFitFound."""
        course, own = self.course, self.appointment.action
        free = kept_free(self.session, self.appointment.patient, course.request.plan, self.care_plan)
        apart = replace(course.request, not_on={own: free[own]} if own in free else {})
        return self._required(self._reflow(replace(course, request=apart), None, bend=False))

    def plan(self, start: datetime, *, override: bool = False, trial: Trial | None = None) -> list[Move]:
        if start < self.now:
            raise Invalid([("start", "is in the past")])
        return self._required(self._following(start, override, trial))

    def _required(self, moves: list[Move]) -> list[Move]:
        if not moves:
            raise WrongStatus(
                f"{self.appointment.title} follows a visit that is not booked yet: book that visit first"
            )
        return moves

    def make_up(self, moves: Sequence[Move]) -> MakeUp:
        """Return the moves as what they are: stand-ins, and moves of visits that have a time."""
        first, others = moves[0], moves[1:]
        off = self.unplaced.values()
        along = [(one.appointment, one.visit) for one in others if one.appointment in off]
        return MakeUp(
            self.appointment, first.visit, [one for one in others if one.appointment not in off], along
        )


def to_make_up(session: Session, clinic: Clinic) -> Sequence[Appointment]:
    """Return the visits that the desk is to find another time for, the earliest first.

    Canceled and missed visits of running courses that nothing replaces; and missed visits outside a course, until the
    patient has a later one.
    """
    other = aliased(Appointment)
    replaced = exists().where(other.replaces_id == Appointment.id)
    seen_since = exists().where(
        other.patient_id == Appointment.patient_id,
        other.start_at > Appointment.start_at,
        other.status.in_(LIVE),
    )
    alone = and_(Appointment.care_plan_id.is_(None), Appointment.status == S.NOSHOW, ~seen_since)
    query = (
        select(Appointment)
        .outerjoin(CarePlan, CarePlan.id == Appointment.care_plan_id)
        .where(
            Appointment.clinic_id == clinic.id,
            Appointment.course_effect == CourseEffect.MAKE_UP,
            Appointment.status.in_(TO_MAKE_UP),
            or_(and_(CarePlan.status == CarePlanStatus.ACTIVE, ~replaced), alone),
        )
        .options(joinedload(Appointment.patient))
        .order_by(Appointment.start_at, Appointment.id)
    )
    return session.scalars(query).all()


def plan_make_up(
    session: Session,
    actor: Actor,
    gone: Appointment,
    now: datetime,
    start: datetime | None = None,
    location: Where | None = None,
    practitioners: Sequence[Practitioner] | None = None,
    override_reason: str = "",
) -> MakeUp:
    """Return the make-up at a start, or the best one; nothing is written.

    Raises WrongStatus, Invalid, NoFitFound, or RuleBroken as moves.plan_move does.
    """
    release_expired(session, actor.clinic, now)
    of_gone = MakeUpPlanner(session, actor, gone, now, location, practitioners)
    override = may_override(actor, override_reason)
    return of_gone.make_up(of_gone.best() if start is None else of_gone.plan(start, override=override))


def book_make_up(
    session: Session,
    actor: Actor,
    make_up: MakeUp,
    now: datetime,
    reason: str = "",
    override_reason: str = "",
) -> Appointment:
    """Book it and move what must move. An `override_reason` is recorded. Raises SlotTaken."""
    gone, patient = make_up.replaces, make_up.replaces.patient
    visits = [visit for _, visit in make_up.stand_ins]
    taken = [*wanted(make_up.moves), (patient, visits)]
    with changing(session, actor, now, wanted=taken, override_reason=override_reason) as change:
        write(change, make_up.moves, reason, override_reason=override_reason)
        people = People(session, actor.clinic, visits)
        rows = []
        for replaced, visit in make_up.stand_ins:
            row = planned(actor.clinic, patient, action_of(replaced), visit, people, now)
            row.care_plan, row.replaces_id = gone.care_plan, replaced.id
            change.add(row, visit)
            rows.append(row)
        session.flush()
        booking.announce(change, gone.care_plan, rows)
        fields = ["override:spacing"] if override_reason else []
        audit.record(session, actor, "appointment.made-up", rows[0], now, fields, override_reason or reason)
    return rows[0]
