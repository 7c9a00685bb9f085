"""Reading the audit trail: whole operations, the latest first, narrowed by who, what, whom, when and where.

An operation is all that one act wrote: a re-flow of eight visits is one. Events carry ids and field names only, so what
they are about is looked up here, in a few queries whose number does not grow with the page.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session, joinedload

from scheduler.domain.csv_cells import csv_header, csv_line
from scheduler.models.api_token import ApiToken
from scheduler.models.appointment import Appointment
from scheduler.models.audit_event import AuditEvent
from scheduler.models.calendar_feed import CalendarFeed
from scheduler.models.care_plan import CarePlan
from scheduler.models.clinic import Clinic
from scheduler.models.message import Message
from scheduler.models.patient import Patient
from scheduler.models.patient_request import PatientRequest
from scheduler.models.task import Task
from scheduler.models.user import User
from scheduler.services.trail import audit
from scheduler.services.trail.audit import BeforePage
from scheduler.services.trail.audit_words import LIST, LISTED

PAGE = 100  # events looked at for one page; operations are shown whole
MOST_IDS = 500  # in one query
ACTORS = ("staff", "patient", "clock", "command")
OF_PATIENTS = (Appointment, CarePlan, Message, Task)
LOOKS = (".viewed", ".listed", ".exported", ".access-reported")
NAMED = re.compile(r"user:(\d+)")
COLUMNS = (
    "at", "actor", "user", "event", "about", "object_type", "object_id", "fields", "operation", "address", "reason",
    "serial", "token", "token_made_by", "session_id",
)  # fmt: skip


@dataclass(frozen=True)
class Wanted:
    """What is looked for; what is empty narrows nothing. `before` is the id below which the page begins."""

    who: str = ""
    what: str = ""
    where: str = ""
    operation: str = ""
    patient: Patient | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: int | None = None

    def names(self) -> list[str]:
        """Return which of these narrow the search, for the trail of those who read the trail."""
        values = {
            name: getattr(self, name) for name in ("who", "what", "where", "operation", "since", "until")
        }
        return [*(name for name, value in values.items() if value), *(["patient"] if self.patient else [])]


@dataclass(frozen=True)
class AuditLine:
    """An event, with what its ids stand for. `token` is the name of the API token used, `maker` who made that."""

    event: AuditEvent
    who: str
    patient: Patient | None
    fields: str
    token: str = ""
    maker: str = ""


@dataclass(frozen=True)
class Operation:
    """The events of one act, in the order in which they were written."""

    lines: Sequence[AuditLine]

    @property
    def first(self) -> AuditLine:
        return self.lines[0]


@dataclass(frozen=True)
class AuditTrailPage:
    """Operations, the latest first; `before` is where the next page begins, None at the end."""

    operations: Sequence[Operation]
    before: int | None


@dataclass
class Access:
    """How one person dealt with one patient's record."""

    who: str
    views: int = 0
    changes: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None
    addresses: set[str] = field(default_factory=set)


def page(session: Session, clinic: Clinic, wanted: Wanted) -> AuditTrailPage:
    """Return the operations of a page. One that would be cut at its end begins the next page instead."""
    query = _narrowed(session, clinic, wanted).order_by(AuditEvent.id.desc())
    found = list(session.scalars(query.limit(PAGE + 1)))
    more = len(found) > PAGE
    groups = [list(group) for _, group in groupby(found[:PAGE], key=lambda one: one.operation)]
    if more and len(groups) > 1 and found[PAGE].operation == groups[-1][-1].operation:
        groups.pop()
    lines = _lines(session, clinic, [event for group in groups for event in group])
    told = iter(lines)
    operations = [Operation([next(told) for _ in group][::-1]) for group in groups]
    return AuditTrailPage(operations, groups[-1][-1].id if more else None)


def of_patient(session: Session, clinic: Clinic, patient: Patient) -> tuple[list[Access], list[AuditLine]]:
    """Return who saw or changed a patient's record and what is theirs: by person, and each event, earliest first."""
    query = _narrowed(session, clinic, Wanted(patient=patient)).order_by(AuditEvent.id)
    lines = _lines(session, clinic, list(session.scalars(query)))
    people: dict[str, Access] = {}
    for line in lines:
        one, at = people.setdefault(line.who, Access(line.who)), line.event.at
        if line.event.event.endswith(LOOKS):
            one.views += 1
        else:
            one.changes += 1
        one.first_at, one.last_at = one.first_at or at, at
        if line.event.address:
            one.addresses.add(line.event.address)
    return list(people.values()), lines


def csv_lines(session: Session, clinic: Clinic, wanted: Wanted, before_page: BeforePage) -> Iterator[str]:
    """Return the lines of a CSV of the events, the latest first, with cells that no spreadsheet runs.

    `before_page` gets the patients that a page of events names before its first line is given out.
    """
    narrowed = _narrowed(session, clinic, wanted)  # now: the lines are asked for when the request is over
    return _csv(session, clinic, narrowed, before_page)


def _csv(
    session: Session, clinic: Clinic, narrowed: Select[AuditEvent], before_page: BeforePage
) -> Iterator[str]:
    yield csv_header(COLUMNS, clinic.zone)
    query, before = narrowed.order_by(AuditEvent.id.desc()).limit(MOST_IDS), None
    while True:
        found = list(session.scalars(query.where(AuditEvent.id < before) if before else query))
        lines = _lines(session, clinic, found)
        before_page([line.patient for line in lines if line.patient])
        for line in lines:
            yield csv_line(_cells(line), clinic.zone)
        if len(found) < MOST_IDS:
            return
        before = found[-1].id


def kinds(session: Session, clinic: Clinic) -> list[str]:
    """Return the names of the events that the clinic has, for the form."""
    query = select(AuditEvent.event).where(AuditEvent.clinic_id == clinic.id).distinct()
    return list(session.scalars(query.order_by(AuditEvent.event)))


def _narrowed(session: Session, clinic: Clinic, wanted: Wanted) -> Select[AuditEvent]:
    query = select(AuditEvent).where(AuditEvent.clinic_id == clinic.id)
    if wanted.who in ACTORS:
        query = query.where(AuditEvent.actor == wanted.who)
    elif wanted.who:
        like = func.lower(User.email).contains(wanted.who.lower(), autoescape=True) | func.lower(
            User.name
        ).contains(wanted.who.lower(), autoescape=True)
        query = query.where(AuditEvent.user_id.in_(select(User.id).where(like)))
    if wanted.what:
        query = query.where(AuditEvent.event.contains(wanted.what, autoescape=True))
    if wanted.where:
        query = query.where(AuditEvent.address.startswith(wanted.where, autoescape=True))
    if wanted.operation:
        query = query.where(AuditEvent.operation == wanted.operation)
    if wanted.since:
        query = query.where(AuditEvent.at >= wanted.since)
    if wanted.until:
        query = query.where(AuditEvent.at < wanted.until)
    if wanted.before:
        query = query.where(AuditEvent.id < wanted.before)
    if wanted.patient:
        ids = sorted(ids_of(session, wanted.patient))
        parts = [ids[at : at + MOST_IDS] for at in range(0, len(ids), MOST_IDS)]
        own = [one.public_id for one in _records(session, wanted.patient)]
        query = query.where(or_(*(AuditEvent.object_id.in_(part) for part in parts), audit.showed(own)))
    return query


def ids_of(session: Session, patient: Patient) -> set[str]:
    """Return the public ids by which the trail knows a patient, what is theirs, and records merged into theirs."""
    found = set()
    for one in _records(session, patient):
        found.add(one.public_id)
        for kind in OF_PATIENTS:
            found.update(session.scalars(select(kind.public_id).where(kind.patient_id == one.id)))
        feeds = CalendarFeed.clinic_id == one.clinic_id, CalendarFeed.resource_id == one.resource_id
        found.update(session.scalars(select(CalendarFeed.public_id).where(*feeds)))
        asked = select(PatientRequest.public_id).join(
            Appointment, Appointment.id == PatientRequest.appointment_id
        )
        found.update(session.scalars(asked.where(Appointment.patient_id == one.id)))
    return found


def _records(session: Session, patient: Patient) -> list[Patient]:
    """Return a patient's record and those that were merged into it."""
    merged = select(Patient).where(
        Patient.clinic_id == patient.clinic_id, Patient.merged_into_id == patient.id
    )
    return [patient, *session.scalars(merged)]


def _lines(session: Session, clinic: Clinic, events: Sequence[AuditEvent]) -> list[AuditLine]:
    users = _users(session, events)
    patients = _patients(session, clinic, events)
    tokens = _tokens(session, clinic, events)
    return [_line(event, users, patients, tokens) for event in events]


def _line(
    event: AuditEvent, users: dict[int, User], patients: dict[str, Patient], tokens: dict[str, ApiToken]
) -> AuditLine:
    user = users.get(event.user_id or 0)
    who = (user.name or user.email) if user else event.actor
    line = AuditLine(event, who, patients.get(event.object_id), _fields(event, users))
    if not event.token_id:
        return line
    token = tokens.get(event.token_id)  # none in a database that was restored in part
    maker = token.made_by if token else None
    return replace(
        line, token=token.name if token else event.token_id, maker=maker.email if maker else "a command"
    )


def _fields(event: AuditEvent, users: dict[int, User]) -> str:
    """Say which fields an event is about; of a list how many patients, of an erasure how many reasons went."""
    if event.event == LISTED or event.object_type == LIST:
        count = len(event.fields)
        patients = "1 patient" if count == 1 else f"{count} patients"
        return f"{patients}: {event.object_id}" if event.object_type == LIST else patients
    removed = sum(text.startswith(audit.BLANKED) for text in event.fields)
    said = [_named(text, users) for text in event.fields if not text.startswith(audit.BLANKED)]
    if removed:
        said.append("1 reason removed" if removed == 1 else f"{removed} reasons removed")
    return ", ".join(said)


def _named(text: str, users: dict[int, User]) -> str:
    """Say whom a field "user:7" means, and of any other its name as one reads it."""
    match = NAMED.fullmatch(text)
    user = users.get(int(match[1])) if match else None
    return user.email if user else text.replace("_", " ")


def _users(session: Session, events: Sequence[AuditEvent]) -> dict[int, User]:
    ids = {event.user_id for event in events if event.user_id}
    ids |= {int(match[1]) for event in events for text in event.fields if (match := NAMED.fullmatch(text))}
    return {
        one.id: one for part in _parts(ids) for one in session.scalars(select(User).where(User.id.in_(part)))
    }


def _tokens(session: Session, clinic: Clinic, events: Sequence[AuditEvent]) -> dict[str, ApiToken]:
    ids = {event.token_id for event in events if event.token_id}
    return {
        one.public_id: one
        for part in _parts(ids)
        for one in session.scalars(
            select(ApiToken)
            .where(ApiToken.clinic_id == clinic.id, ApiToken.public_id.in_(part))
            .options(joinedload(ApiToken.made_by))
        )
    }


def _patients(session: Session, clinic: Clinic, events: Sequence[AuditEvent]) -> dict[str, Patient]:
    """Return whose the objects are, by the objects' public ids."""
    ids = {event.object_id for event in events if event.object_id}
    found: dict[str, Patient] = {}
    for part in _parts(ids):
        own = select(Patient).where(Patient.clinic_id == clinic.id, Patient.public_id.in_(part))
        found |= {one.public_id: one for one in session.scalars(own)}
        for kind in OF_PATIENTS:
            theirs: Any = (
                select(kind.public_id, Patient)
                .join(Patient, Patient.id == kind.patient_id)
                .where(kind.clinic_id == clinic.id, kind.public_id.in_(part))
            )
            found |= {row[0]: row[1] for row in session.execute(theirs)}
        feeds = (
            select(CalendarFeed.public_id, Patient)
            .join(Patient, Patient.resource_id == CalendarFeed.resource_id)
            .where(CalendarFeed.clinic_id == clinic.id, CalendarFeed.public_id.in_(part))
        )
        found |= {row[0]: row[1] for row in session.execute(feeds)}
    return found


def _parts(ids: Iterable[Any]) -> Iterator[list[Any]]:
    every = sorted(ids)
    for at in range(0, len(every), MOST_IDS):
        yield every[at : at + MOST_IDS]


def _cells(line: AuditLine) -> Sequence[object]:
    event = line.event
    return (
        event.at,
        event.actor,
        line.who,
        event.event,
        line.patient.name if line.patient else "",
        event.object_type,
        event.object_id,
        ", ".join(event.fields) if event.event == LISTED else line.fields,
        event.operation,
        event.address,
        event.reason,
        event.serial,
        line.token,
        line.maker,
        event.session_id,
    )
