"""Another time for a visit: which starts a patient may choose from, and what the desk makes of the request.

A start is offered when the rest of the course can still be kept with it, the later visits moving along where they must.
The desk approves by moving the visit, with the preview that every move has, or suggests another start, or declines with
a reason. The reason is for the private page; the mail says only that there is an answer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from scheduler.domain import planner
from scheduler.domain.localtime import local_on
from scheduler.domain.planner.values import NoFit
from scheduler.errors import Invalid, NoFitFound, RuleBroken, SlotTaken, WrongStatus
from scheduler.ical.texts import line
from scheduler.models.appointment import Appointment
from scheduler.models.care_plan import CarePlan
from scheduler.models.message import MessageKind
from scheduler.models.patient_request import PatientRequest, RequestState, open_for, open_in
from scheduler.services.actors import Actor
from scheduler.services.mail import outbox
from scheduler.services.mail.reminders import recipients
from scheduler.services.patient import mail_to_read
from scheduler.services.planning import proposals
from scheduler.services.planning.courses import latest, rest, under_way, with_lengths
from scheduler.services.planning.dosing_days import kept_free
from scheduler.services.trail import audit
from scheduler.services.visit import moves

OFFERED, A_DAY = 12, 3
MOST_ANSWER = 300
SUGGESTED, DECLINED = "request-suggested", "request-declined"  # the words of the mails that answer a request


def starts(session: Session, actor: Actor, appointment: Appointment, now: datetime) -> list[datetime]:
    """Return starts to which the visit can be moved now, in order: the nearest to the present one, a few a day.

    Each was tried as the desk would move it. None for a visit outside a course, or one that cannot be moved: the desk
    finds a time with the patient.
    """
    care_plan = appointment.care_plan
    if care_plan is None or appointment.id not in {one.id for one in latest(care_plan).values()}:
        return []
    try:
        planned = moves.MovePlanner(session, actor, appointment, now, scope="following")
    except WrongStatus:
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
        if on_day[day] < A_DAY and _fits(planned, at):
            on_day[day] += 1
            chosen.append(at)
        if len(chosen) == OFFERED:
            break
    return sorted(chosen)


def _fits(planned: moves.MovePlanner, at: datetime) -> bool:
    try:
        return bool(planned.plan(at))
    except (NoFitFound, RuleBroken, SlotTaken):
        return False


def waiting(session: Session, actor: Actor) -> list[PatientRequest]:
    """Return what waits for the desk, the nearest visit first, until a person answers it, even when the visit moves."""
    return open_in(session, actor.clinic.id)


def has_changed(request: PatientRequest) -> bool:
    """Tell whether the visit was moved, canceled or begun since the patient asked."""
    visit = request.appointment
    return not visit.status.is_expected or visit.schedule_version != request.schedule_version


def agree(session: Session, actor: Actor, request: PatientRequest, now: datetime) -> None:
    """Close a request because its visit has been moved in answer; the mail about the move is the patient's answer."""
    require_open(request)
    _decide(session, actor, request, RequestState.APPROVED, now)


def agree_by_moving(
    session: Session, actor: Actor, appointments: Collection[Appointment], now: datetime
) -> None:
    """Close what asked for the time at which one of these visits is now: requests, and email that proposed it."""
    for visit in appointments:
        asked = open_for(session, visit)
        if asked is not None and asked.wanted_at == visit.start_at:
            agree(session, actor, asked, now)
    mail_to_read.finish_proposals(session, actor, appointments, now)


def suggest(
    session: Session, actor: Actor, request: PatientRequest, at: datetime, answer: str, now: datetime
) -> None:
    """Propose another start to the patient, who accepts it on the private page. The time is not held meanwhile.

    Raises WrongStatus for a request that is closed, and what moving the visit there raises.
    """
    require_open(request)
    moves.plan_move(session, actor, request.appointment, at, now, scope=_scope(request.appointment))
    request.suggested_at, request.answer = at, line(answer)[:MOST_ANSWER]
    audit.record(session, actor, "request.suggested", request, now)
    _write_to_patient(session, actor, request, SUGGESTED, now)


def accept(session: Session, actor: Actor, request: PatientRequest, now: datetime) -> list[moves.Move]:
    """Move the visit to the start that the desk suggested, for its patient; return the moves.

    Raises WrongStatus where nothing is suggested, and what moving raises when the time has been taken meanwhile.
    """
    require_open(request)
    if request.suggested_at is None:
        raise WrongStatus("The clinic has suggested no time")
    planned = moves.plan_move(
        session, actor, request.appointment, request.suggested_at, now, scope=_scope(request.appointment)
    )
    moves.apply_moves(session, actor, planned, now, "suggested by the clinic, accepted by the patient")
    _decide(session, actor, request, RequestState.APPROVED, now)
    return planned


def decline(session: Session, actor: Actor, request: PatientRequest, answer: str, now: datetime) -> None:
    """Close a request without moving the visit, and notify the patient. Raises Invalid without a reason."""
    require_open(request)
    answer = line(answer)[:MOST_ANSWER]
    if not answer:
        raise Invalid([("answer", "say why: the patient reads it on the private page")])
    request.answer = answer
    _decide(session, actor, request, RequestState.DECLINED, now)
    if request.appointment.status.is_expected:
        _write_to_patient(session, actor, request, DECLINED, now)


def close(session: Session, actor: Actor, request: PatientRequest, now: datetime) -> None:
    """Close a request that was answered by phone: the patient gets no mail about it."""
    require_open(request)
    _decide(session, actor, request, RequestState.DECLINED, now)


def withdraw(session: Session, actor: Actor, request: PatientRequest, now: datetime) -> None:
    """Take a request back, as its patient wishes; nothing happens to one that is closed."""
    if request.state is RequestState.OPEN:
        _decide(session, actor, request, RequestState.WITHDRAWN, now)


def _possible(
    session: Session, actor: Actor, care_plan: CarePlan, appointment: Appointment, now: datetime
) -> tuple[datetime, ...]:
    """Return the starts with which this visit and the later ones can be placed around the earlier ones."""
    rows = under_way(session, actor, care_plan, now).rows
    later = {action: row for action, row in rows.items() if row.start_at >= appointment.start_at}
    wishes = rest(session, actor, care_plan, later, now)
    calendar = proposals.load(session, actor, wishes, now, frozenset(row.id for row in later.values()))
    request = wishes.request()
    plan = with_lengths(request.plan, rows)
    free = kept_free(session, appointment.patient, plan, care_plan)
    request = replace(request, plan=plan, not_on=free)
    try:
        return planner.slot_map(request, calendar, now=now).get(appointment.action, ())
    except NoFit:
        return ()


def _scope(appointment: Appointment) -> str:
    return "following" if appointment.care_plan is not None else "one"


def require_open(request: PatientRequest) -> None:
    """Raise WrongStatus for a request that was decided."""
    if request.state is not RequestState.OPEN:
        raise WrongStatus("This request has been answered already")


def _decide(
    session: Session, actor: Actor, request: PatientRequest, state: RequestState, now: datetime
) -> None:
    request.state, request.decided_at, request.decided_by_id = state, now, actor.user_id
    request.suggested_at = None
    audit.record(session, actor, f"request.{state.value}", request, now)
    session.flush()


def _write_to_patient(
    session: Session, actor: Actor, request: PatientRequest, words: str, now: datetime
) -> None:
    """Mail the answer to those who are written to about this visit. It ends with the visit's start or its next move."""
    visit = request.appointment
    for recipient in recipients(visit.patient):
        outbox.enqueue(
            session,
            actor.clinic,
            MessageKind.REQUEST_ANSWER,
            now,
            patient=visit.patient,
            recipient=recipient,
            values={"words": words},
            about=[visit],
            due_at=now + timedelta(seconds=actor.clinic.settings.change_delay_seconds),
            expires_at=visit.start_at,
        )
