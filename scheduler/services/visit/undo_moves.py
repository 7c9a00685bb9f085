"""Taking a move back: every visit that it moved goes where it was, with the place and people that it had.

A move is one operation with one event for each visit. It can be undone as long as nothing else happened to any of
them and their former time is ahead and free. A patient's answer to the former time counts again; a mail about the move
that has not left is void.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from scheduler.domain.planner.values import Placement
from scheduler.domain.status import STEP_HISTORY, Response
from scheduler.domain.windows import Window
from scheduler.errors import WrongStatus
from scheduler.models.allocation import of_appointment
from scheduler.models.appointment import Appointment
from scheduler.models.appointment_event import AppointmentEvent
from scheduler.models.care_plan import CarePlan
from scheduler.services.actors import Actor
from scheduler.services.planning.courses import under_way
from scheduler.services.planning.visit_rows import visit_of
from scheduler.services.visit.judge import record_override
from scheduler.services.visit.moves import Move, apply_moves, judge

BACK = "undone"


def move_back(
    session: Session, actor: Actor, event: AppointmentEvent, now: datetime, override_reason: str = ""
) -> list[Appointment]:
    """Undo the move that this event is part of; return its visits.

    Raises WrongStatus when it cannot be undone, SlotTaken when another visit uses the former time, RuleBroken when the
    course would break a rule there, unless that is overridden, which is recorded.
    """
    events = _of_operation(session, event)
    rows = {row.id: row for row in _rows(session, [one.appointment_id for one in events])}
    for one in events:
        _require(session, rows[one.appointment_id], one, now)
    moves = [
        Move(row, _former(session, row, one), BACK) for one in events for row in [rows[one.appointment_id]]
    ]
    _check_rules(session, actor, moves, now, override_reason)
    undone = {one.appointment_id: one.id for one in events}
    apply_moves(session, actor, moves, now, undone=undone, override_reason=override_reason)
    for one in events:
        if "response" in one.changes:
            rows[one.appointment_id].response = Response(one.changes["response"][0])
    session.flush()
    return list(rows.values())


def _check_rules(
    session: Session, actor: Actor, moves: Sequence[Move], now: datetime, override_reason: str
) -> None:
    """Raise RuleBroken when a course would break a rule at the former times that it keeps now; note an override."""
    first: dict[CarePlan, Appointment] = {}
    for move in moves:
        if move.appointment.care_plan is not None:
            first.setdefault(move.appointment.care_plan, move.appointment)
    for care_plan, row in first.items():
        course = under_way(session, actor, care_plan, now)
        back = {m.appointment.action: m.visit for m in moves if m.appointment in course.rows.values()}
        broken = judge(actor, course, {**course.visits, **back}, now, override_reason)
        record_override(session, actor, row, broken, now, override_reason)


def _of_operation(session: Session, event: AppointmentEvent) -> Sequence[AppointmentEvent]:
    """Return all that the same act wrote, this event first. Raises WrongStatus when the act did more than move."""
    query = select(AppointmentEvent).where(
        AppointmentEvent.clinic_id == event.clinic_id, AppointmentEvent.operation == event.operation
    )
    events = list(session.scalars(query.order_by(AppointmentEvent.id)))
    if any(one.kind != "reschedule" for one in events):
        raise WrongStatus("This move was part of a larger change: move the visit instead")
    return sorted(events, key=lambda one: one.id != event.id)


def _rows(session: Session, appointment_ids: Sequence[int]) -> Sequence[Appointment]:
    return session.scalars(select(Appointment).where(Appointment.id.in_(appointment_ids))).all()


def _require(session: Session, row: Appointment, event: AppointmentEvent, now: datetime) -> None:
    later = select(AppointmentEvent.kind).where(
        AppointmentEvent.appointment_id == row.id, AppointmentEvent.id > event.id
    )
    since = session.scalars(later.limit(1)).first()
    if since is not None:
        raise WrongStatus(f"{row.numbered_title}: {STEP_HISTORY.get(since, 'changed')} after the move")
    start = datetime.fromisoformat(event.changes["start"][0])
    if min(start, row.start_at) <= now:
        raise WrongStatus(f"{row.title}: it has started")
    lengths = {datetime.fromisoformat(one) - first for one, first in _ends(event)}
    if len(lengths) > 1:
        raise WrongStatus(f"{row.title} had a different length: change the length instead")


def _ends(event: AppointmentEvent) -> list[tuple[str, datetime]]:
    """Return each end with its start, before and after; nothing when only place or people changed."""
    starts = [datetime.fromisoformat(start) for start in event.changes["start"]]
    return list(zip(event.changes.get("end", ()), starts, strict=False))


def _former(session: Session, row: Appointment, event: AppointmentEvent) -> Placement:
    """Return the visit as it was: its former time, with what it let go of when it moved."""
    start = datetime.fromisoformat(event.changes["start"][0])
    windows: dict[str, Window] = {}
    begins = start - row.lead
    for phase in row.phases:
        ends = begins + timedelta(minutes=phase["minutes"])
        windows[phase["name"]] = Window(begins, ends)
        begins = ends
    held = [
        one
        for one in of_appointment(session, row.id, released_at=event.at)
        if one.phase in windows
        and windows[one.phase].start <= one.start_at
        and one.end_at <= windows[one.phase].end
    ]
    now_there = visit_of(row, held)
    attended_end = start + (row.end_at - row.start_at)
    end = max([attended_end, *(segment.end for segment in now_there.segments)])
    return replace(now_there, start=start, end=end, attended_end=attended_end)
