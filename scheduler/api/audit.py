"""The audit trail: who saw or changed what, when, from where, in which operation."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from scheduler.api.fields import At, Instant, View, at
from scheduler.api.operations import Answer, call
from scheduler.api.paging import Paged, page
from scheduler.api.reads import note_view
from scheduler.database import db
from scheduler.models.audit_event import AuditEvent
from scheduler.models.user import User
from scheduler.services.actors import Actor

Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9.\-]{1,60}$")]


class AuditEventView(View):
    """`fields` are names, never values. Events of one `operation` belong together."""

    at: At
    actor: str
    user: str | None
    event: str
    object_type: str
    object_id: str
    fields: list[str]
    operation: str
    address: str
    reason: str
    serial: int | None


class AuditPage(View):
    items: list[AuditEventView]
    next_cursor: str | None


class AuditQuery(Paged):
    since: Instant | None = None
    object_id: Word | None = None
    event: Word | None = None


@call("GET", "/audit", may="audit", query=AuditQuery, gives=AuditPage)
def list_audit_events(actor: Actor, query: AuditQuery) -> Answer:
    """List what happened since an instant, in order of time."""
    rows = select(AuditEvent).where(AuditEvent.clinic_id == actor.clinic.id)
    if query.since is not None:
        rows = rows.where(AuditEvent.at >= query.since)
    if query.object_id is not None:
        rows = rows.where(AuditEvent.object_id == query.object_id)
    if query.event is not None:
        rows = rows.where(AuditEvent.event == query.event)
    session = db.session()
    found, cursor = page(session, rows, query, (AuditEvent.at, AuditEvent.id), lambda row: (row.at, row.id))
    narrowed = [name for name in ("since", "object_id", "event") if getattr(query, name) is not None]
    if query.cursor is None:  # paging on is one reading, and the trail must have an end
        note_view(actor, "audit.read", None, narrowed)
    emails = _emails(session, {row.user_id for row in found if row.user_id})
    return Answer(AuditPage(items=[_view(row, emails) for row in found], next_cursor=cursor))


def _emails(session: Session, ids: set[int]) -> dict[int, str]:
    rows = session.execute(select(User.id, User.email).where(User.id.in_(ids)))
    return {row.id: row.email for row in rows}


def _view(row: AuditEvent, emails: dict[int, str]) -> AuditEventView:
    return AuditEventView(
        at=at(row.at),
        actor=row.actor,
        user=emails.get(row.user_id) if row.user_id else None,
        event=row.event,
        object_type=row.object_type,
        object_id=row.object_id,
        fields=list(row.fields),
        operation=row.operation,
        address=row.address,
        reason=row.reason,
        serial=row.serial,
    )
