"""Writing the audit trail: what happened to which object, by whom, in which operation.

Field names only, never values: erasing a patient must not break the trail. The reason is the exception, since it is
what a person typed; `record_erasure` takes it away again, and the trail's seals still hold.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import datetime
from hashlib import sha256
from typing import Any, Protocol

from sqlalchemy import ColumnElement, String, and_, cast, or_, select, update
from sqlalchemy import event as events
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from scheduler.models.audit_event import AuditEvent
from scheduler.services.actors import Actor
from scheduler.services.trail import audit_mac
from scheduler.services.trail.audit_words import LIST, LISTED

BeforePage = Callable[[list[Any]], None]  # gets what a page of a stream shows before its first line is sent
MOST = 500  # patients that one event names
ERASED = "patient.erased"
BLANKED = "reason:"  # in the fields of such an event, before the digest of a reason that went


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
    kind = type(thing).__name__ if thing is not None else ""
    object_id = thing.public_id if thing is not None else ""
    session.add(event_of(actor, event, kind, object_id, now, fields, reason))


def event_of(
    actor: Actor,
    event: str,
    object_type: str,
    object_id: str,
    now: datetime,
    fields: Iterable[str] = (),
    reason: str = "",
) -> AuditEvent:
    """Return a row that is to be added to a session."""
    reason = reason[:300]
    salt = secrets.token_hex(16) if reason else None
    return AuditEvent(
        clinic_id=actor.clinic.id,
        at=now,
        user_id=actor.user_id,
        actor=actor.name,
        event=event,
        object_type=object_type,
        object_id=object_id,
        fields=sorted(fields),
        operation=actor.operation,
        address=actor.address,
        reason=reason,
        reason_salt=salt,
        reason_digest=digest_of(salt, reason) if salt else None,
        token_id=actor.token_id,
        session_id=actor.session_id,
    )


def lists(actor: Actor, name: str, patient_ids: Iterable[str], now: datetime) -> Iterator[AuditEvent]:
    """Yield the rows that say which patients a list of this name showed."""
    ordered = sorted(patient_ids)
    for at in range(0, len(ordered), MOST):
        yield event_of(actor, LISTED, LIST, name, now, ordered[at : at + MOST])


def showed(patient_ids: Iterable[str]) -> ColumnElement[bool]:
    """Return the condition that an event is about a list that showed one of these patients."""
    listed = cast(AuditEvent.fields, String)
    return and_(
        AuditEvent.object_type == LIST,
        or_(*(listed.contains(f'"{one}"', autoescape=True) for one in patient_ids)),
    )


@events.listens_for(AuditEvent, "before_insert")
def _sign(_mapper: object, connection: Connection, row: AuditEvent) -> None:
    audit_mac.sign(row, connection.get_execution_options()[audit_mac.OPTION])


def digest_of(salt: str, reason: str) -> str:
    """Return what a seal covers of a reason."""
    return sha256(f"{salt}{reason}".encode()).hexdigest()


def record_erasure(
    session: Session,
    actor: Actor,
    patient: HasPublicId,
    object_ids: Collection[str],
    now: datetime,
    reason: str,
) -> None:
    """Record that a patient was erased, and blank what was typed about these objects, for good.

    The event names each reason that goes, by its digest: the database and `flask audit verify` accept no other blank.
    """
    theirs = (
        AuditEvent.clinic_id == actor.clinic.id,
        AuditEvent.object_id.in_(object_ids),
        AuditEvent.reason_digest.is_not(None),
        AuditEvent.reason != "",
    )
    digests = session.scalars(select(AuditEvent.reason_digest).where(*theirs)).all()
    record(session, actor, ERASED, patient, now, [f"{BLANKED}{digest}" for digest in digests], reason)
    session.flush()
    session.execute(
        update(AuditEvent)
        .where(*theirs, AuditEvent.reason_digest.in_(digests))
        .values(reason="", reason_salt="")
        .execution_options(synchronize_session="fetch")
    )
