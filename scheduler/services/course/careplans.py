"""The steps of a whole course: activate a reservation, hold, resume, revoke, complete.

Stopping the rest frees every chair at once and sends one mail. A held course releases its time and keeps its visits'
rows; resuming plans them again, in the same rows with the same uids.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime

from sqlalchemy.orm import Session

from scheduler.domain.planner.values import Placement
from scheduler.domain.status import (
    CARE_PLAN_STEPS,
    STEP_REFUSALS,
    AppointmentStatus,
    CarePlanStatus,
    Response,
)
from scheduler.domain.text import visits_and_calls
from scheduler.errors import ProposalExpired, WrongStatus
from scheduler.models.appointment import Appointment, appointments_of
from scheduler.models.care_plan import CarePlan
from scheduler.models.versions import raise_versions
from scheduler.services.actors import Actor
from scheduler.services.course import booking
from scheduler.services.planning import proposals, rules
from scheduler.services.planning.courses import rest
from scheduler.services.planning.visit_rows import People
from scheduler.services.planning.wishes import CourseRequest
from scheduler.services.task import emailed_proposals
from scheduler.services.trail import audit
from scheduler.services.visit import requirements, visits
from scheduler.services.visit.changes import changing, release_expired

HELD = "the course is on hold"


def activate(session: Session, actor: Actor, care_plan: CarePlan, now: datetime) -> CarePlan:
    """Book a reservation for good. Raises ProposalExpired once it has run out."""
    release_expired(session, actor.clinic, now)
    if care_plan.status is CarePlanStatus.REVOKED and care_plan.expires_at:
        raise ProposalExpired("The hold has expired; search for times again")
    _require(care_plan, "activate")
    kept = [one for one in appointments_of(care_plan) if one.expires_at is not None]
    with changing(session, actor, now, kept) as change:
        for appointment in kept:
            appointment.expires_at = None
        care_plan.expires_at = None
        _become(session, actor, care_plan, CarePlanStatus.ACTIVE, now, "")
        booking.announce(change, care_plan, kept)
        emailed_proposals.finish(session, actor, care_plan.patient, now)
    return care_plan


def hold(session: Session, actor: Actor, care_plan: CarePlan, now: datetime, reason: str = "") -> CarePlan:
    """Pause the course: what is ahead releases its time, and the patient gets one mail."""
    _require(care_plan, "hold")
    firm = [one for one in ahead(care_plan, now) if one.status.is_live]
    visits.cancel(session, actor, firm, now, reason or HELD, kind="hold")
    return _become(session, actor, care_plan, CarePlanStatus.ON_HOLD, now, reason)


def resume(
    session: Session,
    actor: Actor,
    care_plan: CarePlan,
    now: datetime,
    reason: str = "",
    not_before: date | None = None,
) -> CarePlan:
    """Plan the held visits again, as well as the calendar allows. Raises NoFitFound and leaves it on hold."""
    _require(care_plan, "resume")
    held = {one.action: one for one in appointments_of(care_plan) if one.cancelled_at == care_plan.status_at}
    if held:
        wishes = rest(session, actor, care_plan, held, now)
        if not_before is not None:
            wishes = replace(wishes, not_before=max(wishes.not_before, not_before))
        planned = proposals.propose(session, actor, wishes, now, care_plan=care_plan)[0].visits
    _become(session, actor, care_plan, CarePlanStatus.ACTIVE, now, reason)
    if held:
        _put_back(session, actor, wishes, held, planned, now)
    return care_plan


def revoke(
    session: Session,
    actor: Actor,
    care_plan: CarePlan,
    now: datetime,
    reason: str = "",
    side: str = "clinic",
    *,
    notify: bool = True,
) -> CarePlan:
    """Stop the course: every visit ahead is cancelled and its time free at once, with one mail for all.

    Without `notify`, which needs a reason, there is no mail.
    """
    _require(care_plan, "revoke")
    visits.cancel(session, actor, ahead(care_plan, now), now, reason, side, notify=notify)
    return _become(session, actor, care_plan, CarePlanStatus.REVOKED, now, reason)


def complete(
    session: Session, actor: Actor, care_plan: CarePlan, now: datetime, reason: str = ""
) -> CarePlan:
    """End a course that has run its length. Raises WrongStatus while booked visits are ahead."""
    _require(care_plan, "complete")
    left = ahead(care_plan, now)
    firm = [one for one in left if one.status.is_live]
    if firm:
        raise WrongStatus(f"Still upcoming: {counted(firm)}. Cancel or finish them first")
    visits.cancel(session, actor, left, now, reason)
    return _become(session, actor, care_plan, CarePlanStatus.COMPLETED, now, reason)


def counted(visits: Sequence[Appointment]) -> str:
    """Return how many visits and calls have a time, as the patient's page and mails count them."""
    timed = [one.visible for one in visits if one.status.is_live or one.expires_at]
    return visits_and_calls(sum(timed), len(timed) - sum(timed))


def ahead(care_plan: CarePlan, now: datetime) -> list[Appointment]:
    """Return the visits that have not begun, in order of start."""
    return [one for one in appointments_of(care_plan) if one.status.is_ahead and one.start_at > now]


def _put_back(
    session: Session,
    actor: Actor,
    wishes: CourseRequest,
    held: Mapping[str, Appointment],
    planned: Sequence[Placement],
    now: datetime,
) -> None:
    """Let held visits stand again at their new times: same rows, same uids, one mail for all."""
    rows = list(held.values())
    with changing(session, actor, now, rows, [(wishes.patient, planned)]) as change:
        rules.check(actor, wishes.request(), proposals.load(session, actor, wishes, now), planned, now)
        people = People(session, actor.clinic, planned)
        for visit in planned:
            appointment = held[visit.action]
            change.put(appointment, visit, people)
            visits.reinstate(appointment, AppointmentStatus.BOOKED)
            appointment.status = requirements.status_by_requirements(appointment)
            appointment.response = Response.NEEDS_ACTION
            change.note(appointment, "resume")


def _become(
    session: Session, actor: Actor, care_plan: CarePlan, status: CarePlanStatus, now: datetime, reason: str
) -> CarePlan:
    care_plan.status, care_plan.status_at, care_plan.status_reason = status, now, reason
    care_plan.row_version += 1
    audit.record(session, actor, f"care-plan.{status.value}", care_plan, now, ["status"], reason)
    raise_versions(session, actor.clinic.id, [], now)
    return care_plan


def _require(care_plan: CarePlan, step: str) -> None:
    if care_plan.status not in CARE_PLAN_STEPS[step]:
        raise WrongStatus(f"The course is {care_plan.status.words}: {STEP_REFUSALS[step]}")
