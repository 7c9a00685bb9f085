"""The audit trail: who saw or changed what, when, from where, in which operation."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from scheduler.api.fields import At, Instant, View, at
from scheduler.api.operations import Answer, call
from scheduler.api.paging import Paged, page
from scheduler.database import db
from scheduler.http import access
from scheduler.models.api_token import ApiToken
from scheduler.models.audit_event import AuditEvent
from scheduler.models.user import User
from scheduler.services.actors import Actor

Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9.\-]{1,60}$")]


class AuditEventView(View):
    """`fields` are names, never values; of `patients.listed` they are the ids of the patients that a list showed.

    Events of one `operation` belong together. `token_id` is the API token with which `user` acted, `token_made_by` the
    user who made it; `session_id` is the signed-in browser.
    """

    at: At
    actor: str
    user: str | None
    event: str
    object_type: str
    object_id: str
    fields: list[str]
    operation: str
    address: str
    token_id: str | None
    token_made_by: str | None
    session_id: str | None
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
        access.note("audit.read", fields=narrowed)
    emails = _emails(session, {row.user_id for row in found if row.user_id})
    makers = _makers(session, actor, {row.token_id for row in found if row.token_id})
    return Answer(AuditPage(items=[_view(row, emails, makers) for row in found], next_cursor=cursor))


def _emails(session: Session, ids: set[int]) -> dict[int, str]:
    rows = session.execute(select(User.id, User.email).where(User.id.in_(ids)))
    return {row.id: row.email for row in rows}


def _makers(session: Session, actor: Actor, token_ids: set[str]) -> dict[str, str]:
    """Return who made these tokens; those that a command has made are left out."""
    query = (
        select(ApiToken.public_id, User.email)
        .join(User, User.id == ApiToken.made_by_id)
        .where(ApiToken.clinic_id == actor.clinic.id, ApiToken.public_id.in_(token_ids))
    )
    return {row.public_id: row.email for row in session.execute(query)}


def _view(row: AuditEvent, emails: dict[int, str], makers: dict[str, str]) -> AuditEventView:
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
        token_id=row.token_id or None,
        token_made_by=makers.get(row.token_id),
        session_id=row.session_id or None,
        reason=row.reason,
        serial=row.serial,
    )
