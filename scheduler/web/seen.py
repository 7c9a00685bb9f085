"""Noting who looked at what: access to a patient's record and to the audit trail stands in the audit trail.

A read has no transaction to write in, so the note has one of its own. When it cannot be written, nothing is shown.
What a page asks for by itself is no look.
"""

from __future__ import annotations

from collections.abc import Iterable

from flask import request
from sqlalchemy.orm import Session

from scheduler import clock
from scheduler.database import begin_write, db
from scheduler.services.trail import audit
from scheduler.services.trail.audit import HasPublicId
from scheduler.web.current import actor


def note_view(event: str, thing: HasPublicId | None, fields: Iterable[str] = ()) -> None:
    """Write down that the signed-in person looked at something."""
    if "X-Background" in request.headers:
        return
    with Session(db.engine) as own:
        begin_write(own)
        audit.record(own, actor(), event, thing, clock.now(), fields)
        own.commit()
