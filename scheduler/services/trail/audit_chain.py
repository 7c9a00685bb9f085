"""Sealing the audit trail, and checking the seals.

Events are appended unsealed in the transaction of what they tell; a tick gives each a serial number in its clinic and
an HMAC over its content and the seal before it. Changing, removing or exchanging sealed rows breaks the chain where it
was done, also for somebody who may write to the database but has not the key. A cut-off end is noticed against the
head that the database keeps, and, if the database is not trusted, against a head that was noted elsewhere.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from scheduler.models.audit_event import AuditEvent
from scheduler.models.audit_head import AuditHead
from scheduler.models.clinic import Clinic
from scheduler.services.trail import audit

START = "0" * 64
AT_ONCE = 500
PURPOSE = b"seriate audit chain"
LOCK = 0x5E41  # with the clinic's id: one sealer at a time on PostgreSQL


@dataclass(frozen=True)
class Fault:
    """Where the trail is not what was sealed, and how."""

    serial: int
    words: str


@dataclass(frozen=True)
class Findings:
    """What a check found. `head` is the last serial and its seal, to be noted elsewhere."""

    checked: int
    unsealed: int
    head: str
    faults: tuple[Fault, ...]


def seal(session: Session, clinic: Clinic, keys: Sequence[str], now: datetime, most: int = AT_ONCE) -> int:
    """Seal the clinic's unsealed events with the first key; return how many."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(LOCK, clinic.id)))
    query = select(AuditEvent).where(AuditEvent.clinic_id == clinic.id, AuditEvent.serial.is_(None))
    events = list(session.scalars(query.order_by(AuditEvent.id).limit(most)))
    if not events:
        return 0
    head = session.get(AuditHead, clinic.id) or AuditHead(clinic_id=clinic.id, serial=0, seal=START)
    for event in events:
        event.serial = head.serial + 1
        event.seal = seal_of(event, event.serial, head.seal, chain_key(keys[0]))
        head.serial, head.seal = event.serial, event.seal
    head.sealed_at = now
    session.add(head)
    session.flush()
    return len(events)


def due_clinics(session: Session, _now: datetime) -> Sequence[int]:
    """Return the ids of the clinics with something to seal."""
    unsealed = select(AuditEvent.id).where(AuditEvent.clinic_id == Clinic.id, AuditEvent.serial.is_(None))
    return session.scalars(select(Clinic.id).where(unsealed.exists()).order_by(Clinic.id)).all()


def verify(session: Session, clinic: Clinic, keys: Sequence[str], noted: str | None = None) -> Findings:
    """Check every sealed event. `noted` is a head noted earlier, "serial:seal"; the trail must still contain it."""
    derived = [chain_key(key) for key in keys]
    faults: list[Fault] = []
    last, before, checked = 0, START, 0
    wanted = _parse(noted) if noted else None
    for event in _sealed(session, clinic):
        serial, kept = event.serial or 0, event.seal or ""
        if serial != last + 1:
            faults.append(Fault(last + 1, _missing(last + 1, serial - 1)))
            before = ""  # what came before is gone, so this row's own seal cannot be recomputed
        if before and kept not in {seal_of(event, serial, before, key) for key in derived}:
            faults.append(Fault(serial, "the event is not what was sealed, or stands in another's place"))
        if not _has_its_reason(event):
            faults.append(Fault(serial, "the reason is not the one that was sealed"))
        if wanted and wanted[0] == serial and wanted[1] != kept:
            faults.append(Fault(serial, "the seal is not the one that was noted"))
        last, before, checked = serial, kept, checked + 1
    faults.extend(_cut_off(session, clinic, last, before, wanted))
    return Findings(checked, _unsealed(session, clinic), f"{last}:{before or START}", tuple(faults))


def seal_of(event: AuditEvent, serial: int, before: str, key: bytes) -> str:
    """Return the seal of an event that follows the seal `before`."""
    content = [
        event.clinic_id,
        serial,
        event.at.astimezone(UTC).isoformat(),
        event.user_id,
        event.actor,
        event.event,
        event.object_type,
        event.object_id,
        event.fields,
        event.operation,
        event.address,
        event.reason if event.reason_digest is None else event.reason_digest,
    ]
    text = json.dumps([before, *content], ensure_ascii=True, separators=(",", ":"))
    return hmac.new(key, text.encode(), sha256).hexdigest()


def chain_key(key: str) -> bytes:
    """Return the key of the chain that belongs to a secret key of the installation."""
    return hmac.new(key.encode(), PURPOSE, sha256).digest()


def _sealed(session: Session, clinic: Clinic) -> Iterator[AuditEvent]:
    last = -(2**31)
    while True:
        query = select(AuditEvent).where(AuditEvent.clinic_id == clinic.id, AuditEvent.serial > last)
        page = list(session.scalars(query.order_by(AuditEvent.serial).limit(AT_ONCE)))
        if not page:
            return
        yield from page
        last = page[-1].serial or 0
        session.expunge_all()


def _has_its_reason(event: AuditEvent) -> bool:
    """Tell whether the reason is the sealed one; or blank, because the patient was erased."""
    if event.reason_digest is None or event.reason == event.reason_salt == "":
        return True
    return audit.digest_of(event.reason_salt or "", event.reason) == event.reason_digest


def _cut_off(
    session: Session, clinic: Clinic, last: int, seal: str, wanted: tuple[int, str] | None
) -> Iterator[Fault]:
    head = session.get(AuditHead, clinic.id)
    if head is not None and head.serial > last:
        yield Fault(last + 1, _missing(last + 1, head.serial))
    elif (head is None and last) or (head is not None and (head.serial, head.seal) != (last, seal or START)):
        yield Fault(last, "the trail does not end where its head says")
    if wanted and wanted[0] > last:
        yield Fault(last + 1, f"{_missing(last + 1, wanted[0])} since the head was noted")


def _missing(first: int, last: int) -> str:
    return f"event {first} is missing" if first == last else f"events {first} to {last} are missing"


def _unsealed(session: Session, clinic: Clinic) -> int:
    query = select(func.count(AuditEvent.id)).where(AuditEvent.clinic_id == clinic.id)
    return session.scalar(query.where(AuditEvent.serial.is_(None))) or 0


def _parse(noted: str) -> tuple[int, str]:
    serial, _, seal = noted.partition(":")
    if not (serial.isascii() and serial.isdigit()) or len(seal) != len(START):
        raise ValueError("a head is SERIAL:SEAL, as a check prints it")
    return int(serial), seal
