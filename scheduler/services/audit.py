"""Writing the audit trail: what happened to which object, by whom, in which operation.

Field names only, never values: erasing a patient must not break the trail.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol

from sqlalchemy.orm import Session

from scheduler.models.audit_event import AuditEvent
from scheduler.services.actors import Actor


class HasPublicId(Protocol):
    public_id: str


def record(
    session: Session,
    actor: Actor,
    event: str,
    thing: HasPublicId | None,
    now: datetime,
    fields: Iterable[str] = (),
    reason: str = "",
) -> None:
    """Add one row; `event` is "object.verb-in-the-past", such as "care-plan.booked"."""
    row = AuditEvent(
        clinic_id=actor.clinic.id,
        at=now,
        user_id=actor.user_id,
        actor=actor.name,
        event=event,
        object_type=type(thing).__name__ if thing is not None else "",
        object_id=thing.public_id if thing is not None else "",
        fields=sorted(fields),
        operation=actor.operation,
        address=actor.address,
        reason=reason[:300],
    )
    session.add(row)
