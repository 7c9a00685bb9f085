"""Optimistic concurrency: a change is refused when the object is no longer what the caller saw."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import select
from sqlalchemy.orm import Session

from scheduler.errors import Stale
from scheduler.models.audit_event import AuditEvent
from scheduler.models.user import User


class Versioned(Protocol):
    @property
    def clinic_id(self) -> Any: ...

    public_id: Any
    row_version: Any


def check_version(session: Session, thing: Versioned, expected: int | None) -> None:
    """Raise Stale, saying who changed what, unless `expected` is the present version or not given."""
    if expected is None or expected == thing.row_version:
        return
    missed = max(thing.row_version - expected, 1)
    raise Stale(version=thing.row_version, changes=latest_changes(session, thing, missed))


def latest_changes(session: Session, thing: Versioned, count: int) -> list[dict[str, Any]]:
    """Return who did what to the object, the latest first, from the audit trail."""
    query = (
        select(AuditEvent, User.email, User.name)
        .outerjoin(User, User.id == AuditEvent.user_id)
        .where(
            AuditEvent.clinic_id == thing.clinic_id,
            AuditEvent.object_type == type(thing).__name__,
            AuditEvent.object_id == thing.public_id,
            AuditEvent.event.not_like("%.viewed"),
        )
        .order_by(AuditEvent.id.desc())
        .limit(count)
    )
    return [_change(*row) for row in session.execute(query)]


def _change(event: AuditEvent, email: str | None, name: str | None) -> dict[str, Any]:
    at: datetime = event.at
    by = email or event.actor
    return {"at": at.isoformat(), "by": by, "name": name or by, "event": event.event, "fields": event.fields}
