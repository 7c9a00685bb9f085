"""Asking at a door whether somebody may: what is refused stands in the audit trail, whatever becomes of the request."""

from __future__ import annotations

from scheduler import clock
from scheduler.database import db
from scheduler.services.account.permissions import allowed, require
from scheduler.services.actors import Actor
from scheduler.services.trail import audit
from scheduler.transactions import write_now


def require_noted(actor: Actor, permission: str) -> None:
    """Raise Forbidden, after noting it, unless the actor has the permission. Nothing may have been written before."""
    if not allowed(actor, permission):
        write_now()
        audit.record(db.session(), actor, "access.refused", None, clock.now(), [permission])
        db.session.commit()
    require(actor, permission)
