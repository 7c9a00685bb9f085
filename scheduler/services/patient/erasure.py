"""Making a patient's record anonymous: the person goes, and the books stay whole.

The rows of visits, courses, mails and what was occupied stay with their times and states, so that reports, chairs and
the audit trail still add up. Everything that says who it was goes: names, birth date, addresses, notes, answers, texts
of mails, reasons, what each change of a visit said, stored answers of the API and jobs that name the person, and the
same of records that were merged into this one. Private links and calendar links end. Nothing brings it back, so it is
refused while anything is ahead, and nothing about the person is written again (erased.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.orm import Session

from scheduler.domain.message_reasons import MessageReason
from scheduler.domain.person import Person
from scheduler.domain.status import LIVE, AppointmentStatus
from scheduler.domain.text import BadText, clean_line
from scheduler.errors import Invalid, WrongStatus
from scheduler.models import care_plan as care_plans
from scheduler.models import clinic as clinics
from scheduler.models.address_change import AddressChange
from scheduler.models.appointment import Appointment
from scheduler.models.appointment_event import AppointmentEvent
from scheduler.models.calendar_feed import CalendarFeed
from scheduler.models.care_plan import CarePlan
from scheduler.models.clinic import Clinic
from scheduler.models.message import Message, MessageState
from scheduler.models.patient import Patient
from scheduler.models.patient_note import PatientNote
from scheduler.models.patient_request import PatientRequest
from scheduler.models.reasoned import reason_columns
from scheduler.models.reminder import Reminder, ReminderState
from scheduler.models.requirement import Requirement
from scheduler.models.task import Task
from scheduler.models.versions import raise_versions
from scheduler.models.visit_answer import CheckIn, DriverAnswer
from scheduler.models.waitlist import WaitlistEntry, WaitlistOutcome
from scheduler.services import idempotency, jobs, locks, private_links
from scheduler.services.actors import Actor
from scheduler.services.course import careplans
from scheduler.services.history import relabelled
from scheduler.services.patient import mail_to_read
from scheduler.services.patient.erased import ERASED_VALUES, KEPT_WISHES, erasing
from scheduler.services.patient.patients import shown_in
from scheduler.services.trail import audit

RETAINED = "the retention period is over"
AT_ONCE = 50  # patients of one tick
SHORTEST_CONTACT = 6  # characters; what is shorter is in other texts by chance
STRAGGLERS = timedelta(days=2)


def erase(session: Session, actor: Actor, patient: Patient, reason: str, now: datetime) -> None:
    """Make the record anonymous. Raises WrongStatus while a visit is ahead, Invalid without a reason.

    On SQLite the caller empties the write-ahead log after its commit (`database.empty_log`).
    """
    try:
        reason = clean_line("reason", reason, 200, required=True)
    except BadText as fault:
        raise Invalid([(fault.field, fault.reason)]) from None
    session.refresh(
        patient, with_for_update=True
    )  # what others are writing about the patient is seen, or refused
    if patient.erased_at is not None:
        raise WrongStatus("this record is already anonymized")
    if _has_anything_ahead(session, patient, now):
        raise WrongStatus("visits are upcoming: cancel them or end the course first")
    shown = shown_in(session, patient)
    merged = select(Patient).where(
        Patient.clinic_id == patient.clinic_id, Patient.merged_into_id == patient.id
    )
    with erasing(session):
        for one in [patient, *session.scalars(merged.with_for_update())]:
            audit.record_erasure(session, actor, one, _ids(session, one), now, reason)
            _forget(session, one, now)
            _erase_courses(session, actor, one, reason, now)
            _erase_visits(session, one, now)
            _erase_mail(session, one, now)
            private_links.end_all(session, actor, one, now)
            for name, value in ERASED_VALUES.items():
                setattr(one, name, value)
            relabelled(session, one.clinic_id, Appointment.patient_id == one.id, now)
            one.erased_at, one.row_version = now, one.row_version + 1
        raise_versions(session, patient.clinic_id, shown, now)
        session.flush()


def due_clinics(session: Session, now: datetime) -> Sequence[int]:
    """Return the ids of the clinics that keep records for a set time, or have erased one lately."""
    lately = select(Patient.clinic_id).where(Patient.erased_at > now - STRAGGLERS)
    with_erased = set(session.scalars(lately.distinct()))
    return clinics.where(session, lambda clinic: clinic.id in with_erased or clinic.settings.retention_years)


def erase_due(session: Session, clinic: Clinic, now: datetime) -> int:
    """Erase the patients whose last visit, course and entry are older than the clinic keeps records.

    Removes what is left of patients erased lately too. Returns how many were erased now.
    """
    if not locks.take_job(session, "retention", clinic.id):
        return 0
    erase_again(session, clinic, now)
    actor = Actor(clinic=clinic, user=None, role=None, name="clock")
    found = due(session, clinic, now, AT_ONCE)
    for patient in found:
        erase(session, actor, patient, RETAINED, now)
    return len(found)


def erase_again(session: Session, clinic: Clinic, now: datetime) -> None:
    """Erase what was written about a patient in the same moment as the record was erased, by a request beside it."""
    lately = select(Patient).where(Patient.clinic_id == clinic.id, Patient.erased_at > now - STRAGGLERS)
    with erasing(session):
        for patient in session.scalars(lately).all():
            _forget(session, patient, now)
            _erase_visits(session, patient, now)
            _erase_mail(session, patient, now)
            for name, value in ERASED_VALUES.items():
                setattr(patient, name, value)


def due(session: Session, clinic: Clinic, now: datetime, limit: int) -> Sequence[Patient]:
    """Return patients whose retention period is over, longest ago first; none unless the clinic has set one."""
    years = clinic.settings.retention_years
    if not years:
        return []
    local = now.astimezone(clinic.zone)
    before = local.replace(year=local.year - years, month=local.month, day=min(local.day, 28))
    last_visit = func.max(Appointment.end_at)
    query = (
        select(Patient)
        .outerjoin(Appointment, Appointment.patient_id == Patient.id)
        .where(
            Patient.clinic_id == clinic.id,
            Patient.erased_at.is_(None),
            Patient.merged_into_id.is_(None),
            Patient.created_at < before,
            ~select(CarePlan.id)
            .where(CarePlan.patient_id == Patient.id)
            .where(CarePlan.status_at >= before)
            .exists(),
        )
        .group_by(Patient.id)
        .having(or_(last_visit.is_(None), last_visit < before))
        .order_by(Patient.created_at, Patient.id)
    )
    return session.scalars(query.limit(limit)).all()


def _has_anything_ahead(session: Session, patient: Patient, now: datetime) -> bool:
    ahead = select(Appointment.id).where(
        Appointment.patient_id == patient.id,
        Appointment.status.in_((*LIVE, AppointmentStatus.PROPOSED)),
        Appointment.end_at > now,
    )
    return session.scalar(ahead.limit(1)) is not None


def _ids(session: Session, patient: Patient) -> set[str]:
    """Return the public ids by which the audit trail knows the patient and what is theirs."""
    found = {patient.public_id}
    for kind in (Appointment, CarePlan, Message, Task):
        found.update(session.scalars(select(kind.public_id).where(kind.patient_id == patient.id)))
    return found


def _forget(session: Session, patient: Patient, now: datetime) -> None:
    """Empty the stored answers and jobs that name the patient."""
    person = _person(session, patient)
    idempotency.forget(session, patient.clinic_id, person)
    jobs.forget(session, patient.clinic_id, person, now)


def _person(session: Session, patient: Patient) -> Person:
    ids = _ids(session, patient)
    visits = select(Appointment.id).where(Appointment.patient_id == patient.id)
    ids.update(
        session.scalars(select(PatientRequest.public_id).where(PatientRequest.appointment_id.in_(visits)))
    )
    ids.update(
        session.scalars(
            select(CalendarFeed.public_id).where(
                CalendarFeed.clinic_id == patient.clinic_id, CalendarFeed.resource_id == patient.resource_id
            )
        )
    )
    if patient.erased_at is not None:
        return Person(frozenset(ids))
    contacts = (
        patient.email,
        patient.proxy_email,
        patient.proxy_name,
        patient.phone,
        patient.alert_note,
        patient.address_line,
        patient.emergency_name,
        patient.emergency_phone,
        patient.mrn,
        patient.insurance_member_id,
    )
    called = {patient.given_name, patient.preferred_name} - {""}
    return Person(
        frozenset(ids),
        tuple(one for one in contacts if one and len(one) >= SHORTEST_CONTACT),
        tuple((name, patient.family_name or name) for name in sorted(called)),
    )


def _erase_courses(session: Session, actor: Actor, patient: Patient, reason: str, now: datetime) -> None:
    """Stop what was not completed, and forget the wishes; the first day stays, since a course is read by it."""
    for course in care_plans.of_patient(session, patient):
        if course.status.is_open:
            careplans.revoke(session, actor, course, now, reason)
        course.wishes = {name: course.wishes[name] for name in KEPT_WISHES & course.wishes.keys()}
        course.status_reason = course.override_reason = ""
    session.flush()


def _erase_visits(session: Session, patient: Patient, now: datetime) -> None:
    visits = select(Appointment.id).where(Appointment.patient_id == patient.id)
    courses = select(CarePlan.id).where(CarePlan.patient_id == patient.id)
    for statement in (
        update(Appointment).where(Appointment.patient_id == patient.id).values(status_reason=""),
        update(AppointmentEvent).where(AppointmentEvent.appointment_id.in_(visits)).values(reason=""),
        update(AppointmentEvent)  # which step was undone says nothing about a person, and later steps need it
        .where(AppointmentEvent.appointment_id.in_(visits), AppointmentEvent.kind != "undo")
        .values(changes={}),
        update(Requirement).where(Requirement.care_plan_id.in_(courses)).values(document="", note=""),
        update(PatientRequest).where(PatientRequest.appointment_id.in_(visits)).values(note="", answer=""),
        delete(DriverAnswer).where(DriverAnswer.appointment_id.in_(visits)),
        delete(CheckIn).where(CheckIn.appointment_id.in_(visits)),
        update(Task).where(Task.patient_id == patient.id).values(details={}, outcome=""),
        delete(PatientNote).where(PatientNote.patient_id == patient.id),
        update(WaitlistEntry)
        .where(WaitlistEntry.patient_id == patient.id)
        .values(reason="", weekdays=[], earliest=None, latest=None),
        update(WaitlistEntry)
        .where(WaitlistEntry.patient_id == patient.id, WaitlistEntry.ended_at.is_(None))
        .values(ended_at=now, outcome=WaitlistOutcome.GONE),
        update(Task)
        .where(Task.patient_id == patient.id, Task.done_at.is_(None))
        .values(done_at=now, escalates_at=None),
        update(Reminder)
        .where(Reminder.appointment_id.in_(visits), Reminder.state == ReminderState.PENDING)
        .values(state=ReminderState.VOID, **reason_columns(MessageReason.ERASED)),
    ):
        session.execute(statement.execution_options(synchronize_session="fetch"))


def _erase_mail(session: Session, patient: Patient, now: datetime) -> None:
    mail_to_read.forget(session, patient, now)
    theirs = Message.patient_id == patient.id
    waiting = (MessageState.PENDING, MessageState.LEASED, MessageState.UNCERTAIN)
    for statement in (
        update(Message)
        .where(theirs, Message.state.in_(waiting))
        .values(
            state=MessageState.VOID,
            **reason_columns(MessageReason.ERASED),
            ended_at=now,
            lease_token=None,
            leased_until=None,
        ),
        update(Message)
        .where(theirs)
        .values(address=None, subject_line="", values={}, content=None, smtp_reply=""),
        update(CalendarFeed)
        .where(CalendarFeed.clinic_id == patient.clinic_id, CalendarFeed.resource_id == patient.resource_id)
        .values(last_client=""),
        delete(AddressChange).where(AddressChange.patient_id == patient.id),
    ):
        session.execute(statement.execution_options(synchronize_session="fetch"))
