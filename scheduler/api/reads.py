"""Noting who looked at a patient's record or at the audit trail.

A read has no transaction to write in, so the note has one of its own; when it cannot be written, nothing is shown.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy.orm import Session

from scheduler import clock
from scheduler.database import begin_write, db
from scheduler.services.actors import Actor
from scheduler.services.trail import audit
from scheduler.services.trail.audit import HasPublicId


def note_view(actor: Actor, event: str, thing: HasPublicId | None, fields: Iterable[str] = ()) -> None:
    """Write down that somebody looked at something."""
    with Session(db.engine) as own:
        begin_write(own)
        audit.record(own, actor, event, thing, clock.now(), fields)
        own.commit()
