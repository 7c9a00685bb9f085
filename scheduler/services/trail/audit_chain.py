"""Sealing the audit trail, and checking the seals.

Events are appended with a MAC of their own (audit_mac) in the transaction of what they record; within 5 seconds the
clock links each into its clinic's chain: a serial number, and an HMAC over its content and the seal before it. A row
whose MAC is wrong is never linked, and stays a fault. Changing, removing or exchanging linked rows breaks the chain
where it was done, even for an attacker who can write to the database but does not have the key. A cut-off end is found
against the head that the database keeps, and, if the database is not trusted, against a head that was noted elsewhere.

A reason may be blank only when a linked "patient.erased" event names it. Events from before MACs name nothing: of
those, a blank reason must be about a patient whose erasure was linked before as well.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from itertools import islice

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from scheduler.models.audit_event import AuditEvent
from scheduler.models.audit_head import AuditHead
from scheduler.models.clinic import Clinic
from scheduler.models.patient import Patient
from scheduler.services.trail import audit, audit_mac, audit_trail

START = "0" * 64
AT_ONCE = 500
PURPOSE = b"seriate audit chain"
LOCK = 0x5E41  # with the clinic's id: one sealer at a time on PostgreSQL
NAMED = 20  # forged rows that a check names one by one
OLD_COLUMNS = 10  # of an event's content after its clinic, from before MACs


@dataclass(frozen=True)
class ChainFault:
    """Where the trail is not what was sealed, and how."""

    serial: int
    words: str


@dataclass(frozen=True)
class Findings:
    """What a check found. `head` is the last serial and its seal, to be noted elsewhere.

    `unsealed` events wait to be linked; `forged` ones carry no valid MAC and never will be.
    """

    checked: int
    unsealed: int
    forged: int
    head: str
    faults: tuple[ChainFault, ...]


@dataclass
class Blanks:
    """The reasons that are blank, and what the chain says about them."""

    found: dict[str, AuditEvent] = field(default_factory=dict)  # by digest
    named: set[str] = field(default_factory=set)
    erased_before: set[str] = field(default_factory=set)  # patients, by events that have no MAC

    def look(self, event: AuditEvent) -> None:
        if event.reason_digest is not None and event.reason == event.reason_salt == "":
            self.found[event.reason_digest] = event
        if event.event != audit.ERASED:
            return
        if event.mac is None:
            self.erased_before.add(event.object_id)
        self.named.update(
            one.removeprefix(audit.BLANKED) for one in event.fields if one.startswith(audit.BLANKED)
        )


def to_link(session: Session, clinic: Clinic, keys: Sequence[str]) -> list[int]:
    """Return the ids of the next events to link. Reads only, so that any number of forged rows holds no lock."""
    return [event.id for event in islice(_genuine(session, clinic, keys), AT_ONCE)]


def seal(
    session: Session, clinic: Clinic, keys: Sequence[str], now: datetime, ids: Sequence[int] | None = None
) -> int:
    """Link the clinic's next events, those with these ids if given, with the first key; return how many."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(LOCK, clinic.id)))
    events = list(islice(_genuine(session, clinic, keys, ids), AT_ONCE))
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


def forged(session: Session, clinic: Clinic, keys: Sequence[str]) -> Iterator[AuditEvent]:
    """Yield the rows that wait to be linked and that the application has not written."""
    return (event for event, genuine in _waiting(session, clinic, keys) if not genuine)


def verify(session: Session, clinic: Clinic, keys: Sequence[str], noted: str | None = None) -> Findings:
    """Check every sealed event. `noted` is a head noted earlier, "serial:seal"; the trail must still contain it."""
    derived = [chain_key(key) for key in keys]
    faults: list[ChainFault] = []
    signers = [audit_mac.event_key(key) for key in keys]
    last, before, checked = 0, START, 0
    blanks = Blanks()
    wanted = _parse(noted) if noted else None
    for event in _sealed(session, clinic):
        serial, kept = event.serial or 0, event.seal or ""
        blanks.look(event)
        if serial != last + 1:
            faults.append(ChainFault(last + 1, _missing(last + 1, serial - 1)))
            before = ""  # what came before is gone, so this row's own seal cannot be recomputed
        if before and kept not in {seal_of(event, serial, before, key) for key in derived}:
            faults.append(
                ChainFault(serial, "the event differs from what was sealed, or is in the wrong position")
            )
        elif event.mac is not None and not audit_mac.is_genuine(event, signers):
            faults.append(ChainFault(serial, "the event has no valid MAC"))
        if not _has_its_reason(event):
            faults.append(ChainFault(serial, "the reason is not the one that was sealed"))
        if wanted and wanted[0] == serial and wanted[1] != kept:
            faults.append(ChainFault(serial, "the seal is not the one that was noted"))
        last, before, checked = serial, kept, checked + 1
    faults.extend(_unnamed(session, clinic, blanks))
    faults.extend(_cut_off(session, clinic, last, before, wanted))
    false = [event.id for event in forged(session, clinic, keys)]
    faults.extend(
        ChainFault(0, f"the row with id {one} was not written by Seriate: not linked")
        for one in false[:NAMED]
    )
    if len(false) > NAMED:
        faults.append(ChainFault(0, f"{len(false) - NAMED} more such rows"))
    waiting = _unsealed(session, clinic) - len(false)
    return Findings(checked, waiting, len(false), f"{last}:{before or START}", tuple(faults))


def seal_of(event: AuditEvent, serial: int, before: str, key: bytes) -> str:
    """Return the seal of an event that follows the seal `before`."""
    clinic_id, *fixed = audit_mac.content(event)
    fixed = fixed[:OLD_COLUMNS] if event.mac is None else [*fixed, event.mac]
    text = json.dumps([before, clinic_id, serial, *fixed], ensure_ascii=True, separators=(",", ":"))
    return hmac.new(key, text.encode(), sha256).hexdigest()


def chain_key(key: str) -> bytes:
    """Return the key of the chain that belongs to a secret key of the installation."""
    return hmac.new(key.encode(), PURPOSE, sha256).digest()


def _genuine(
    session: Session, clinic: Clinic, keys: Sequence[str], ids: Sequence[int] | None = None
) -> Iterator[AuditEvent]:
    return (event for event, genuine in _waiting(session, clinic, keys, ids) if genuine)


def _waiting(
    session: Session, clinic: Clinic, keys: Sequence[str], ids: Sequence[int] | None = None
) -> Iterator[tuple[AuditEvent, bool]]:
    """Yield the events that are not linked, in order, each with whether its MAC is right and not a copy."""
    signers, last = [audit_mac.event_key(key) for key in keys], 0
    query = select(AuditEvent).where(AuditEvent.clinic_id == clinic.id, AuditEvent.serial.is_(None))
    if ids is not None:
        query = query.where(AuditEvent.id.in_(ids))
    while True:
        page = list(session.scalars(query.where(AuditEvent.id > last).order_by(AuditEvent.id).limit(AT_ONCE)))
        if not page:
            return
        nonces = [event.nonce for event in page if event.nonce]
        used = select(AuditEvent.nonce).where(AuditEvent.nonce.in_(nonces), AuditEvent.serial.is_not(None))
        seen = set(session.scalars(used))
        for event in page:
            yield event, event.nonce not in seen and audit_mac.is_genuine(event, signers)
            seen.add(event.nonce)
        last = page[-1].id


def _unnamed(session: Session, clinic: Clinic, blanks: Blanks) -> Iterator[ChainFault]:
    """Yield the reasons that are blank although no erasure has blanked them."""
    before = _ids_of(session, clinic, blanks.erased_before) if blanks.found else set()
    for digest, event in blanks.found.items():
        if digest not in blanks.named and not (event.mac is None and event.object_id in before):
            yield ChainFault(event.serial or 0, "the reason is blank, and no erasure names it")


def _ids_of(session: Session, clinic: Clinic, patients: set[str]) -> set[str]:
    """Return by which ids the trail knows these patients and what is theirs."""
    query = select(Patient).where(Patient.clinic_id == clinic.id, Patient.public_id.in_(patients))
    return {one for patient in session.scalars(query) for one in audit_trail.ids_of(session, patient)}


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
) -> Iterator[ChainFault]:
    head = session.get(AuditHead, clinic.id)
    if head is not None and head.serial > last:
        yield ChainFault(last + 1, _missing(last + 1, head.serial))
    elif (head is None and last) or (head is not None and (head.serial, head.seal) != (last, seal or START)):
        yield ChainFault(last, "the trail does not end where its head says")
    if wanted and wanted[0] > last:
        yield ChainFault(last + 1, f"{_missing(last + 1, wanted[0])} since the head was noted")


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
