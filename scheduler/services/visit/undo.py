"""Undoing the last step of a visit.

Only the latest step can be undone, so that history stays a line. A canceled or missed visit uses again
exactly what it used before. The undo is refused, with the reason, when another visit uses that time, when the clinic
is closed then, when its practitioners are away, and when it would break the spacing of the course; what is soft of
this may be overridden with a reason. What was canceled because of it (its check-in call) comes back with it. Whether
a visit that is to come again is booked or pending follows from its requirements as they are now. A move goes back as
a whole, see undo_moves.py.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from scheduler.domain.localtime import local_on
from scheduler.domain.planner.values import Placement, Request, Violation
from scheduler.domain.status import (
    LIVE,
    STEP_NAMES,
    STEPS,
    AppointmentStatus,
    CarePlanStatus,
    Response,
)
from scheduler.errors import WrongStatus
from scheduler.models.allocation import of_appointment
from scheduler.models.appointment import Appointment
from scheduler.models.appointment_event import AppointmentEvent
from scheduler.models.open_requirements import status_by_requirements
from scheduler.services.account.permissions import allowed
from scheduler.services.actors import Actor
from scheduler.services.planning import availability, course_rules, rules
from scheduler.services.planning.courses import followers, has_place, latest
from scheduler.services.planning.placing import alone
from scheduler.services.planning.visit_rows import action_of, visit_of
from scheduler.services.visit import step_rules
from scheduler.services.visit.changes import changing
from scheduler.services.visit.judge import record_override
from scheduler.services.visit.undo_moves import move_back
from scheduler.services.visit.visits import reinstate

RELEASING = ("cancel", "no-show")
NEEDS = {"cancel": "cancel", "reschedule": "move"}  # the permission to undo a step; for all others `progress`


def undo(
    session: Session,
    actor: Actor,
    appointment: Appointment,
    step: str,
    now: datetime,
    override_reason: str = "",
) -> Appointment:
    """Undo a step.

    Raises WrongStatus unless it is the visit's latest, SlotTaken when its time is gone, and RuleBroken when the course
    would break a rule, unless that is overridden, which is recorded.
    """
    event = latest_step(session, appointment)
    if event is None or event.kind != step:
        raise WrongStatus(f"{appointment.title}: the last step was not {STEP_NAMES[step]}")
    step_rules.require_undo(appointment, step, now)
    if step == "reschedule":
        move_back(session, actor, event, now, override_reason)
        return appointment
    if step in RELEASING:
        _restore(session, actor, appointment, event, now, override_reason)
        return appointment
    with changing(session, actor, now, [appointment]) as change:
        if step == "confirm":
            appointment.response = Response(event.changes["response"][0])
        else:
            appointment.status, appointment.stage = _former_status(appointment, event), None
        change.note(appointment, "undo", audit="appointment.undone", also={"event": (event.id, None)})
    return appointment


def latest_step(session: Session, appointment: Appointment) -> AppointmentEvent | None:
    """Return the latest step that was not undone."""
    query = select(AppointmentEvent).where(AppointmentEvent.appointment_id == appointment.id)
    events = list(session.scalars(query.order_by(AppointmentEvent.id)))
    undone = {event.changes["event"][0] for event in events if event.kind == "undo"}
    steps = [event for event in events if event.kind in STEPS and event.id not in undone]
    return steps[-1] if steps else None


def _former_status(appointment: Appointment, event: AppointmentEvent) -> AppointmentStatus:
    """Return the status before a step; what its requirements were then no longer counts, what they are now does."""
    former = AppointmentStatus(event.changes["status"][0])
    return status_by_requirements(appointment) if former.is_expected else former


def _restore(
    session: Session,
    actor: Actor,
    appointment: Appointment,
    event: AppointmentEvent,
    now: datetime,
    override_reason: str,
) -> None:
    """Restore a visit, with the visits that were canceled because of it and can still take place."""
    _require_place_in_course(session, appointment)
    back = [(appointment, event), *_taken_along(session, appointment, event, now)]
    visits = {row: visit_of(row, of_appointment(session, row.id, released_at=event.at)) for row, _ in back}
    broken = []
    if appointment.start_at > now:
        broken = _check_rules(session, actor, appointment, visits[appointment], now, override_reason)
    wanted = [(appointment.patient, list(visits.values()))]
    reason = override_reason if allowed(actor, "override") else ""
    override = {"override": (None, True)} if reason else {}
    with changing(session, actor, now, visits, wanted, override_reason=override_reason) as change:
        for row, its_event in back:
            reinstate(row, _former_status(row, its_event))
            change.allocate(row, visits[row])
            also = {"event": (its_event.id, None), **override}
            change.note(row, "undo", reason, "appointment.undone", also=also)
        record_override(session, actor, appointment, broken, now, override_reason)


def _taken_along(
    session: Session, appointment: Appointment, event: AppointmentEvent, now: datetime
) -> list[tuple[Appointment, AppointmentEvent]]:
    """Return the visits ahead that the same act canceled because they only follow from this one."""
    found = []
    for row in followers(appointment):
        step = latest_step(session, row)
        same = step is not None and (step.operation, step.at) == (event.operation, event.at)
        if step is not None and same and step.kind == "cancel" and row.start_at > now:
            found.append((row, step))
    return found


def _require_place_in_course(session: Session, appointment: Appointment) -> None:
    """Raise WrongStatus when the visit was made up for, or when its course does not go on."""
    made_up = select(Appointment.id).where(
        Appointment.replaces_id == appointment.id, Appointment.status.in_(LIVE)
    )
    if session.scalars(made_up.limit(1)).first() is not None:
        raise WrongStatus(f"{appointment.title} is already rescheduled: cancel the new visit first")
    course = appointment.care_plan
    if course is None:
        return
    if course.status is not CarePlanStatus.ACTIVE:
        raise WrongStatus(f"The course is {course.status.words}: {appointment.title} cannot be restored")
    if not has_place(appointment):
        raise WrongStatus(
            f"{appointment.title} has no place in the course any more: book another visit instead"
        )


def _check_rules(
    session: Session,
    actor: Actor,
    appointment: Appointment,
    visit: Placement,
    now: datetime,
    override_reason: str,
) -> list[Violation]:
    """Return what an override breaks; raise RuleBroken unless the clinic, the place and the people are there, and the
    course keeps its gaps.
    """
    if appointment.care_plan is not None and latest(appointment.care_plan).get(visit.action) is appointment:
        return course_rules.check_joining(session, actor, appointment.care_plan, visit, now, override_reason)
    on = local_on(visit.start, actor.clinic.zone)
    calendar = availability.load(session, actor.clinic, on, 1, now, appointment.patient)
    request = Request(plan=alone(action_of(appointment)), not_before=on, count=1)
    return rules.check_change(actor, request, calendar, [], [visit], now, override_reason)
