"""A record that was erased takes nothing about a person again, whichever path tries to write it.

Checked at every flush: an old private link, an open page, a repeated request and a job all end in one. Changes that say
nothing about the person (a status, a time, an empty text) pass, so that the clock can close what is left open.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event, inspect, select
from sqlalchemy.orm import Session
from sqlalchemy.orm.util import identity_key

from scheduler.errors import RecordErased
from scheduler.models.address_change import AddressChange
from scheduler.models.appointment import Appointment
from scheduler.models.appointment_event import AppointmentEvent
from scheduler.models.care_plan import CarePlan
from scheduler.models.incoming_mail import IncomingMail
from scheduler.models.message import Message
from scheduler.models.patient import Patient
from scheduler.models.patient_note import PatientNote
from scheduler.models.patient_request import PatientRequest
from scheduler.models.requirement import Requirement
from scheduler.models.task import Task
from scheduler.models.visit_answer import CheckIn, DriverAnswer
from scheduler.models.waitlist import WaitlistEntry

ERASED_VALUES: dict[str, Any] = {
    "given_name": "Erased",
    "family_name": "patient",
    "preferred_name": "",
    "pronunciation": "",
    "birth_date": None,
    "email": None,
    "phone": "",
    "language": "en",
    "email_ok": False,
    "email_ok_at": None,
    "email_ok_wording": "",
    "email_bad_at": None,
    "unsubscribed_at": None,
    "proxy_name": "",
    "proxy_email": None,
    "alert_note": "",
    "interpreter": "",
    "wheelchair": False,
    "pronouns": "",
    "sex": None,
    "address_line": "",
    "city": "",
    "state": "",
    "postal_code": "",
    "emergency_name": "",
    "emergency_relation": "",
    "emergency_phone": "",
    "mrn": "",
    "insurance_payer": "",
    "insurance_member_id": "",
    "preferences": {},
    "deceased_on": None,
    "search_key": "",
}
# what says something about a person, in rows that stay
PERSONAL: dict[type[Any], tuple[str, ...]] = {
    Patient: tuple(ERASED_VALUES),
    AddressChange: ("former", "wanted"),
    IncomingMail: ("sender", "subject", "body"),
    Appointment: ("status_reason",),
    AppointmentEvent: ("reason",),
    CarePlan: ("wishes", "status_reason", "override_reason"),
    Requirement: ("document", "note"),
    Message: ("address", "subject_line", "values", "content", "smtp_reply"),
    PatientRequest: ("note", "answer"),
    DriverAnswer: ("has_driver", "name", "phone"),
    CheckIn: ("little_interest", "feeling_down", "mood", "note", "urgent"),
    Task: ("details", "outcome"),
    PatientNote: ("text", "call_outcome"),
    WaitlistEntry: ("reason", "weekdays", "earliest", "latest"),
}
STILL_WRITTEN = (Patient, AppointmentEvent)  # a new one is no news about the person by itself
KEPT_WISHES = {"not_before"}  # the first day, by which a course is read
ERASING = "erasing"


@contextmanager
def erasing(session: Session) -> Iterator[None]:
    """Let the session write erased records: for erasing itself."""
    session.info[ERASING] = True
    try:
        yield
        session.flush()
    finally:
        session.info.pop(ERASING)


@event.listens_for(Session, "before_flush")
def _refuse(session: Session, _context: Any, _instances: Any) -> None:
    """Raise RecordErased when something about an erased patient is about to be written."""
    if session.info.get(ERASING):
        return
    written = [row for row in session.new if type(row) in PERSONAL and _is_news(row)]
    changed = [row for row in session.dirty if type(row) in PERSONAL and _tells_something(row)]
    if any(isinstance(row, Patient) and _was_erased_meanwhile(session, row) for row in changed):
        raise RecordErased
    about = {_patient_id(session, row) for row in (*written, *changed)} - {None}
    if any(_is_erased(session, patient_id) for patient_id in about):
        raise RecordErased


def _is_news(row: Any) -> bool:
    return type(row) not in STILL_WRITTEN or (isinstance(row, AppointmentEvent) and bool(row.reason))


def _tells_something(row: Any) -> bool:
    changed = inspect(row).attrs
    return any(
        changed[field].history.has_changes() and not _is_empty(row, field) for field in PERSONAL[type(row)]
    )


def _is_empty(row: Any, field: str) -> bool:
    value = getattr(row, field)
    if isinstance(row, Patient):
        return bool(value == ERASED_VALUES[field])
    if field == "wishes":
        return set(value) <= KEPT_WISHES
    return value in ("", None, {}, [])


def _patient_id(session: Session, row: Any) -> int | None:
    """Return whose row it is; None for rows without a patient, or below a new row that is checked itself."""
    if isinstance(row, Patient):
        return row.id
    if isinstance(row, Appointment | CarePlan):
        return row.patient_id or (row.patient.id if row.patient else None)
    if isinstance(row, PatientNote | WaitlistEntry):
        return row.patient_id or (row.patient.id if row.patient else None)
    if isinstance(row, Message | AddressChange | IncomingMail | Task):
        return row.patient_id
    parent: Any = CarePlan if isinstance(row, Requirement) else Appointment
    parent_id = row.care_plan_id if isinstance(row, Requirement) else row.appointment_id
    found = session.get(parent, parent_id) if parent_id else None
    return found.patient_id if found is not None else None


def _is_erased(session: Session, patient_id: int | None) -> bool:
    known = session.identity_map.get(identity_key(Patient, patient_id))
    if known is not None:
        return known.erased_at is not None
    return session.scalar(select(Patient.erased_at).where(Patient.id == patient_id)) is not None


def _was_erased_meanwhile(session: Session, patient: Patient) -> bool:
    """Look at the database, waiting for an erasure that is under way: the session may have read the row before it."""
    erased_at = select(Patient.erased_at).where(Patient.id == patient.id).with_for_update()
    return session.scalar(erased_at) is not None
