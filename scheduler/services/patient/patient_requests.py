"""Another time for a visit: which starts a patient may choose from, and what the desk makes of the request.

A start is offered when the rest of the course can still be kept with it, the later visits moving along where they must.
Approving moves the visit as a hand at the desk would, with one mail for all that moves.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from scheduler.domain import planner
from scheduler.domain.localtime import local_on
from scheduler.domain.planner.model import NoFit
from scheduler.errors import WrongStatus
from scheduler.models.appointment import Appointment
from scheduler.models.care_plan import CarePlan
from scheduler.models.patient_request import PatientRequest, RequestState, open_in
from scheduler.services.actors import Actor
from scheduler.services.planning import proposals
from scheduler.services.planning.courses import latest, plan_of, rest, under_way
from scheduler.services.trail import audit
from scheduler.services.visit import moves

OFFERED, A_DAY = 12, 3


def starts(session: Session, actor: Actor, appointment: Appointment, now: datetime) -> list[datetime]:
    """Return starts that keep the course possible, in order: the nearest to the present one, a few a day.

    None for a visit outside a course: the desk finds one with the patient.
    """
    care_plan = appointment.care_plan
    if care_plan is None or appointment.id not in {one.id for one in latest(care_plan).values()}:
        return []
    possible = _possible(session, actor, care_plan, appointment, now)
    notice = timedelta(hours=actor.clinic.settings.patient_move_hours)
    free = [
        at for at in possible if at >= now + notice and at != appointment.start_at and at.minute % 30 == 0
    ]
    chosen: list[datetime] = []
    on_day: Counter[object] = Counter()
    for at in sorted(free, key=lambda at: (abs(at - appointment.start_at), at)):
        day = local_on(at, actor.clinic.zone)
        if on_day[day] < A_DAY and len(chosen) < OFFERED:
            on_day[day] += 1
            chosen.append(at)
    return sorted(chosen)


def waiting(session: Session, actor: Actor) -> list[PatientRequest]:
    """Return what waits for the desk, the nearest visit first, until a person settles it, whatever moves meanwhile."""
    return open_in(session, actor.clinic.id)


def has_changed(request: PatientRequest) -> bool:
    """Tell whether the visit was moved, canceled or begun since the patient asked."""
    visit = request.appointment
    return not visit.status.is_expected or visit.schedule_version != request.schedule_version


def approve(session: Session, actor: Actor, request: PatientRequest, now: datetime) -> list[moves.Move]:
    """Move the visit to the start that was asked for, with what must move along; return the moves.

    Raises WrongStatus for a request that is decided or asks for a call, and what moving raises.
    """
    _require_open(request)
    if request.wanted_at is None:
        raise WrongStatus("The patient asks for a call: agree on a time, then move the visit")
    planned = moves.plan_move(
        session, actor, request.appointment, request.wanted_at, now, scope=_scope(request.appointment)
    )
    moves.apply_moves(session, actor, planned, now, "requested by the patient")
    _decide(session, actor, request, RequestState.APPROVED, now)
    return planned


def decline(session: Session, actor: Actor, request: PatientRequest, now: datetime) -> None:
    """Close a request without moving: it was settled by phone, or cannot be."""
    _require_open(request)
    _decide(session, actor, request, RequestState.DECLINED, now)


def _possible(
    session: Session, actor: Actor, care_plan: CarePlan, appointment: Appointment, now: datetime
) -> tuple[datetime, ...]:
    """Return the starts with which this visit and the later ones can be placed around the earlier ones."""
    rows = under_way(session, actor, care_plan, now).rows
    later = {action: row for action, row in rows.items() if row.start_at >= appointment.start_at}
    wishes = rest(session, actor, care_plan, later, now)
    calendar = proposals.load(session, actor, wishes, now, frozenset(row.id for row in later.values()))
    request = replace(wishes.request(), plan=plan_of(care_plan, rows))
    try:
        return planner.slot_map(request, calendar, now=now).get(appointment.action, ())
    except NoFit:
        return ()


def _scope(appointment: Appointment) -> str:
    return "following" if appointment.care_plan is not None else "one"


def _require_open(request: PatientRequest) -> None:
    if request.state is not RequestState.OPEN:
        raise WrongStatus("This request is already handled")


def _decide(
    session: Session, actor: Actor, request: PatientRequest, state: RequestState, now: datetime
) -> None:
    request.state, request.decided_at, request.decided_by_id = state, now, actor.user_id
    audit.record(session, actor, f"request.{state.value}", request, now)
    session.flush()
