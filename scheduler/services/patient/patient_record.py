"""One patient's whole record, for the patient: everything that is kept about them, as plain JSON.

Tokens are not in it (they are not stored), and of the audit trail what concerns the patient: who looked, who changed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date, datetime, time
from enum import Enum
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from scheduler.models.address_change import of_patient as address_changes_of
from scheduler.models.appointment import Appointment, of_patient
from scheduler.models.audit_event import AuditEvent
from scheduler.models.calendar_feed import CalendarFeed
from scheduler.models.care_plan import CarePlan
from scheduler.models.care_plan import of_patient as courses_of
from scheduler.models.message import Message
from scheduler.models.opening import offers_of
from scheduler.models.patient import Patient
from scheduler.models.patient_note import PatientNote
from scheduler.models.patient_note import of_patient as notes_of
from scheduler.models.patient_request import about as requests_about
from scheduler.models.reminder import Reminder
from scheduler.models.task import of_patient as tasks_of
from scheduler.models.user import User
from scheduler.models.visit_answer import check_in_of, driver_of
from scheduler.models.waitlist import WaitlistEntry
from scheduler.models.waitlist import of_patient as waitlist_of
from scheduler.services.actors import Actor
from scheduler.services.trail import audit
from scheduler.services.trail.audit_words import LISTED

FIELDS = [
    "given_name",
    "family_name",
    "preferred_name",
    "pronunciation",
    "birth_date",
    "email",
    "phone",
    "language",
    "email_ok",
    "email_ok_at",
    "email_ok_wording",
    "email_bad_at",
    "unsubscribed_at",
    "proxy_name",
    "proxy_email",
    "alert_note",
    "interpreter",
    "wheelchair",
    "pronouns",
    "sex",
    "address_line",
    "city",
    "state",
    "postal_code",
    "emergency_name",
    "emergency_relation",
    "emergency_phone",
    "mrn",
    "insurance_payer",
    "insurance_member_id",
    "preferences",
    "deceased_on",
    "active",
    "created_at",
]
VISIT = [
    "action",
    "kind",
    "title",
    "status",
    "stage",
    "response",
    "start_at",
    "end_at",
    "zone_name",
    "phases",
    "cancelled_at",
    "cancel_side",
    "status_reason",
    "imported_at",
]
COURSE = ["status", "status_reason", "override_reason", "wishes", "created_at", "status_at"]
REMINDER = ["rule", "recipient", "due_at", "state", "reason"]
MESSAGE = [
    "kind",
    "recipient",
    "address",
    "subject_line",
    "state",
    "reason",
    "created_at",
    "due_at",
    "ended_at",
    "attempts",
]
ADDRESS_CHANGE = ["former", "wanted", "asked_at", "confirmed_at", "settled_at"]
FEED = ["title_style", "created_at", "revoked_at", "last_fetched_at", "last_client"]
DRIVER = ["has_driver", "name", "phone", "answered_at"]
CHECK_IN = ["little_interest", "feeling_down", "mood", "note", "urgent", "answered_at"]
TASK = ["kind", "details", "created_at", "due_at", "taken_at", "done_at", "outcome"]
NOTE = ["call_outcome", "text", "created_at", "struck_at"]
WAITLIST = [
    "until_on",
    "weekdays",
    "earliest",
    "latest",
    "notice_hours",
    "priority",
    "reason",
    "side",
    "created_at",
    "ended_at",
    "outcome",
]
OFFER = ["start_at", "state", "by_phone", "created_at", "expires_at", "answered_at"]
REQUEST = ["kind", "state", "wanted_at", "note", "suggested_at", "answer", "created_at", "decided_at"]
EVENT = ["kind", "at", "by", "reason", "changes"]
TRAIL = ["at", "actor", "event", "object_type", "object_id", "fields", "address", "reason"]


def export(session: Session, actor: Actor, patient: Patient, now: datetime) -> dict[str, Any]:
    """Return everything that is kept about a patient; that it was taken out is noted in the audit trail."""
    audit.record(session, actor, "patient.exported", patient, now)
    session.flush()
    visits, courses = of_patient(session, patient), courses_of(session, patient)
    tasks = tasks_of(session, patient.id)
    return {
        "id": patient.public_id,
        "former_ids": _former_ids(session, patient),
        "clinic": actor.clinic.name,
        "exported_at": now.isoformat(),
        "patient": _plain(patient, FIELDS),
        "courses": [_course(course) for course in courses],
        "appointments": [_visit(session, visit) for visit in visits],
        "tasks": [_plain(row, TASK) for row in tasks],
        "waitlist": [_waitlist(session, row) for row in waitlist_of(session, patient)],
        "notes": [_note(row) for row in notes_of(session, patient, struck=True)],
        "messages": [_plain(row, MESSAGE) for row in _messages(session, patient)],
        "address_changes": [_plain(row, ADDRESS_CHANGE) for row in address_changes_of(session, patient)],
        "calendar_feeds": [_plain(row, FEED) for row in _feeds(session, patient)],
        "audit_trail": _trail(session, patient, [*visits, *courses, *tasks]),
    }


def _note(row: PatientNote) -> dict[str, Any]:
    visit = row.appointment.public_id if row.appointment else None
    return {**_plain(row, NOTE), "appointment": visit, "by": row.created_by.email if row.created_by else ""}


def _waitlist(session: Session, row: WaitlistEntry) -> dict[str, Any]:
    visit = row.appointment.public_id if row.appointment else None
    offers = [_plain(one, OFFER) for one in offers_of(session, row)]
    return {**_plain(row, WAITLIST), "appointment": visit, "offers": offers}


def _course(course: CarePlan) -> dict[str, Any]:
    requirements = [
        _plain(requirement, ["key", "completed_at", "valid_until_on", "document", "note", "waived"])
        for requirement in course.requirements
    ]
    protocol = {"key": course.plan_definition.key, "version": course.plan_definition.version}
    return {
        "id": course.public_id,
        "plan_definition": protocol,
        **_plain(course, COURSE),
        "requirements": requirements,
    }


def _visit(session: Session, visit: Appointment) -> dict[str, Any]:
    reminders = (
        select(Reminder).where(Reminder.appointment_id == visit.id).order_by(Reminder.due_at, Reminder.id)
    )
    return {
        "id": visit.public_id,
        **_plain(visit, VISIT),
        "location": visit.location.name if visit.location else None,
        "practitioners": [person.name for person in visit.practitioners],
        "history": [_plain(event, EVENT) for event in visit.events],
        "reminders": [_plain(row, REMINDER) for row in session.scalars(reminders)],
        "driver": _one(driver_of(session, visit), DRIVER),
        "check_in": _one(check_in_of(session, visit), CHECK_IN),
        "requests": [_plain(row, REQUEST) for row in requests_about(session, visit)],
    }


def _messages(session: Session, patient: Patient) -> list[Message]:
    query = select(Message).where(Message.clinic_id == patient.clinic_id, Message.patient_id == patient.id)
    return list(session.scalars(query.order_by(Message.id)))


def _feeds(session: Session, patient: Patient) -> list[CalendarFeed]:
    query = select(CalendarFeed).where(
        CalendarFeed.clinic_id == patient.clinic_id, CalendarFeed.resource_id == patient.resource_id
    )
    return list(session.scalars(query.order_by(CalendarFeed.id)))


def _former_ids(session: Session, patient: Patient) -> list[str]:
    """Return the ids of records that were merged into this one."""
    query = select(Patient.public_id).where(
        Patient.clinic_id == patient.clinic_id, Patient.merged_into_id == patient.id
    )
    return list(session.scalars(query.order_by(Patient.id)))


def _trail(session: Session, patient: Patient, things: Iterable[Any]) -> list[dict[str, Any]]:
    patients = [patient.public_id, *_former_ids(session, patient)]
    ids = [*patients, *(thing.public_id for thing in things)]
    query = (
        select(AuditEvent, User.email)
        .outerjoin(User, User.id == AuditEvent.user_id)
        .where(AuditEvent.clinic_id == patient.clinic_id)
        .where(AuditEvent.object_id.in_(ids) | audit.showed(patients))
        .order_by(AuditEvent.id)
    )
    return [_event(event, patients) | {"user": email} for event, email in session.execute(query)]


def _event(event: AuditEvent, patients: Collection[str]) -> dict[str, Any]:
    """Return an event; of a list only that it showed this patient, since the others are not theirs to know."""
    shown = _plain(event, TRAIL)
    if event.event == LISTED:
        shown["fields"] = sorted(set(patients) & set(event.fields))
    return shown


def _one(row: Any, fields: Iterable[str]) -> dict[str, Any] | None:
    return _plain(row, fields) if row is not None else None


def _plain(row: Any, fields: Iterable[str]) -> dict[str, Any]:
    return {name: _json(getattr(row, name)) for name in fields}


def _json(value: Any) -> Any:
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    return value.value if isinstance(value, Enum) else value
