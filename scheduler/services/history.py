"""The history of appointments, and what calendars must notice when many are called something else."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, update
from sqlalchemy.orm import Session

from scheduler.models.appointment import Appointment
from scheduler.models.appointment_event import AppointmentEvent
from scheduler.services.actors import Actor

LONGEST_SHOWN = timedelta(days=400)  # longer than any calendar goes back
Changes = Mapping[str, tuple[Any, Any]]


def record_event(
    session: Session,
    actor: Actor,
    appointment: Appointment,
    kind: str,
    now: datetime,
    reason: str = "",
    changes: Changes | None = None,
) -> AppointmentEvent:
    """Add a row to the visit's history and count the edit. `changes` is (old, new) by field."""
    appointment.row_version += 1
    event = AppointmentEvent(
        clinic_id=appointment.clinic_id,
        appointment_id=appointment.id,
        kind=kind,
        at=now,
        user_id=actor.user_id,
        by=actor.name,
        reason=reason,
        operation=actor.operation,
        changes={field: [_text(old), _text(new)] for field, (old, new) in (changes or {}).items()},
    )
    session.add(event)
    return event


def relabelled(session: Session, clinic_id: int, which: ColumnElement[bool], now: datetime) -> None:
    """Note that calendars call these visits something else, or somewhere else, from now on.

    Programs pass over an event whose DTSTAMP and LAST-MODIFIED stand still. SEQUENCE stays: no invitation is void.
    """
    shown = (Appointment.clinic_id == clinic_id, Appointment.end_at > now - LONGEST_SHOWN, which)
    session.execute(update(Appointment).where(*shown).values(changed_at=now))


def _text(value: Any) -> Any:
    """Return a value as JSON can hold it: instants as ISO 8601."""
    return value.isoformat() if isinstance(value, datetime) else value
