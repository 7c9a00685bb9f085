"""Taking the last step of a visit back.

Only the latest step can be taken back, so that history stays a line. A cancelled or missed visit takes up again exactly
what it had let go; if somebody has that time by now, it is refused with whose it is. Whether a visit that is to come
again is booked or pending follows from its requirements as they are now. A move goes back as a whole, see
undo_moves.py.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from scheduler.domain.status import STEP_NAMES, STEPS, AppointmentStatus, Response
from scheduler.errors import WrongStatus
from scheduler.models.allocation import of_appointment
from scheduler.models.appointment import Appointment
from scheduler.models.appointment_event import AppointmentEvent
from scheduler.models.open_requirements import status_by_requirements
from scheduler.services.actors import Actor
from scheduler.services.planning.visit_rows import visit_of
from scheduler.services.visit import step_rules
from scheduler.services.visit.changes import changing
from scheduler.services.visit.undo_moves import move_back
from scheduler.services.visit.visits import reinstate

RELEASING = ("cancel", "no-show")


def undo(session: Session, actor: Actor, appointment: Appointment, step: str, now: datetime) -> Appointment:
    """Take a step back. Raises WrongStatus unless it is the visit's latest, SlotTaken when its time is gone."""
    event = latest_step(session, appointment)
    if event is None or event.kind != step:
        raise WrongStatus(f"{appointment.title}: the last step was not {STEP_NAMES[step]}")
    step_rules.require_undo(appointment, step, now)
    if step == "reschedule":
        move_back(session, actor, event, now)
        return appointment
    if step in RELEASING:
        _stand_again(session, actor, appointment, event, now)
        return appointment
    with changing(session, actor, now, [appointment]) as change:
        if step == "confirm":
            appointment.response = Response(event.changes["response"][0])
        else:
            appointment.status, appointment.stage = _former_status(appointment, event), None
        change.note(appointment, "undo", audit="appointment.undone", also={"event": (event.id, None)})
    return appointment


def latest_step(session: Session, appointment: Appointment) -> AppointmentEvent | None:
    """Return the latest step that was not taken back."""
    query = select(AppointmentEvent).where(AppointmentEvent.appointment_id == appointment.id)
    events = list(session.scalars(query.order_by(AppointmentEvent.id)))
    undone = {event.changes["event"][0] for event in events if event.kind == "undo"}
    steps = [event for event in events if event.kind in STEPS and event.id not in undone]
    return steps[-1] if steps else None


def _former_status(appointment: Appointment, event: AppointmentEvent) -> AppointmentStatus:
    """Return the status before a step; what its requirements were then no longer counts, what they are now does."""
    former = AppointmentStatus(event.changes["status"][0])
    return status_by_requirements(appointment) if former.is_expected else former


def _stand_again(
    session: Session, actor: Actor, appointment: Appointment, event: AppointmentEvent, now: datetime
) -> None:
    visit = visit_of(appointment, of_appointment(session, appointment.id, released_at=event.at))
    with changing(session, actor, now, [appointment], [(appointment.patient, [visit])]) as change:
        reinstate(appointment, _former_status(appointment, event))
        change.allocate(appointment, visit)
        change.note(appointment, "undo", audit="appointment.undone", also={"event": (event.id, None)})
