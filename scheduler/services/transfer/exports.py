"""Tables to take out: appointments and messages as CSV, read in pages, with cells that no spreadsheet runs.

A cell that a spreadsheet would take for a formula (it begins with =, +, -, @, a tab or a line break, or with a
full-width form of these) gets a quote before it (OWASP, CSV injection). Instants are clinic-local with their offset.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, selectinload

from scheduler.domain.csv_cells import csv_header, csv_line
from scheduler.models.appointment import Appointment, Participant
from scheduler.models.care_plan import CarePlan
from scheduler.models.clinic import Clinic
from scheduler.models.message import Message
from scheduler.models.patient import Patient
from scheduler.services.trail.audit import BeforePage

PAGE = 500  # rows of one query

VISIT_COLUMNS = (
    "id", "patient_id", "given_name", "family_name", "birth_date", "care_plan_id", "plan_definition", "action",
    "title", "status", "start", "end", "location", "practitioners", "response", "reason",
)  # fmt: skip
MESSAGE_COLUMNS = (
    "id", "kind", "patient_id", "given_name", "family_name", "recipient", "address", "subject", "state", "reason",
    "due", "ended", "attempts",
)  # fmt: skip


def appointments(
    session: Session, clinic: Clinic, first: datetime, after: datetime, before_page: BeforePage
) -> Iterator[str]:
    """Yield the lines of all visits that start from `first` on and before `after`, in order of time."""
    query = (
        select(Appointment)
        .where(
            Appointment.clinic_id == clinic.id, Appointment.start_at >= first, Appointment.start_at < after
        )
        .options(
            selectinload(Appointment.patient),
            selectinload(Appointment.location),
            selectinload(Appointment.care_plan).selectinload(CarePlan.plan_definition),
            selectinload(Appointment.participants).selectinload(Participant.practitioner),
        )
        .order_by(Appointment.start_at, Appointment.id)
    )
    return _lines(clinic, VISIT_COLUMNS, _paged(session, query, before_page), _visit)


def messages(
    session: Session, clinic: Clinic, first: datetime, after: datetime, before_page: BeforePage
) -> Iterator[str]:
    """Yield the lines of all mails that were due from `first` on and before `after`, in order of time."""
    query = (
        select(Message, Patient)
        .outerjoin(Patient, Patient.id == Message.patient_id)
        .where(Message.clinic_id == clinic.id, Message.due_at >= first, Message.due_at < after)
        .order_by(Message.due_at, Message.id)
    )
    return _lines(clinic, MESSAGE_COLUMNS, _paged(session, query, before_page), _message)


def _paged(session: Session, query: Select[*tuple[Any, ...]], before_page: BeforePage) -> Iterator[Any]:
    """Yield the rows page by page; the caller reads within one transaction, so pages fit together."""
    start = 0
    while True:
        page = session.execute(query.limit(PAGE).offset(start)).all()
        before_page([row[0] for row in page])
        yield from page
        if len(page) < PAGE:
            return
        start += PAGE


def _lines(
    clinic: Clinic,
    columns: Sequence[str],
    rows: Iterable[Any],
    values: Callable[[Any], Sequence[object]],
) -> Iterator[str]:
    yield csv_header(columns, clinic.zone)
    for row in rows:
        yield csv_line(values(row), clinic.zone)


def _visit(row: Any) -> Sequence[object]:
    visit: Appointment = row[0]
    course = visit.care_plan
    return (
        visit.public_id,
        *_person(visit.patient),
        visit.patient.birth_date,
        course.public_id if course else None,
        course.plan_definition.key if course else None,
        visit.action,
        visit.title,
        visit.status,
        visit.start_at,
        visit.end_at,
        visit.location.name if visit.location else None,
        "; ".join(one.name for one in visit.practitioners),
        visit.response,
        visit.status_reason,
    )


def _message(row: Any) -> Sequence[object]:
    message, patient = row
    return (
        message.public_id,
        message.kind,
        *_person(patient),
        message.recipient,
        message.address,
        message.subject_line,
        message.state,
        message.reason,
        message.due_at,
        message.ended_at,
        message.attempts,
    )


def _person(patient: Patient | None) -> tuple[object, object, object]:
    return (patient.public_id, patient.given_name, patient.family_name) if patient else (None, None, None)
