"""Writing the audit trail: what happened to which object, by whom, in which operation.

Field names only, never values: erasing a patient must not break the trail. The reason is the exception, since it is
what a person typed; `blank_reasons` takes it away again, and the trail's seals still hold.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable
from datetime import datetime
from hashlib import sha256
from typing import Protocol

from sqlalchemy import update
from sqlalchemy.orm import Session

from scheduler.models.audit_event import AuditEvent
from scheduler.models.clinic import Clinic
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
    reason = reason[:300]
    salt = secrets.token_hex(16) if reason else None
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
        reason=reason,
        reason_salt=salt,
        reason_digest=digest_of(salt, reason) if salt else None,
    )
    session.add(row)


def digest_of(salt: str, reason: str) -> str:
    """Return what a seal covers of a reason."""
    return sha256(f"{salt}{reason}".encode()).hexdigest()


def blank_reasons(session: Session, clinic: Clinic, object_ids: Collection[str]) -> None:
    """Take away what was typed about these objects, for good."""
    session.execute(
        update(AuditEvent)
        .where(
            AuditEvent.clinic_id == clinic.id,
            AuditEvent.object_id.in_(object_ids),
            AuditEvent.reason_digest.is_not(None),
        )
        .values(reason="", reason_salt="")
        .execution_options(synchronize_session="fetch")
    )
