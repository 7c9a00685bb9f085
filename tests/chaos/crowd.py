"""Many patients, each with one visit and one reminder that is due: what the delivery drills send."""

from datetime import timedelta
from uuid import uuid4

from sqlalchemy import insert, select, text

from scheduler.database import begin_write
from scheduler.domain.status import AppointmentStatus
from scheduler.models.appointment import Appointment
from scheduler.models.columns import new_public_id
from scheduler.models.message import Message
from scheduler.models.patient import Patient
from scheduler.models.reminder import Reminder, ReminderState
from scheduler.models.resource import Resource, ResourceKind
from tests.cast import NOW

RULE = "before-24h"


def gather(session, clinic, count, start=NOW + timedelta(hours=27), first=0, step=timedelta(seconds=1)):
    """Add so many patients `p0@example.org`, `p1@...` with a due reminder each, and commit.

    Each one's visit begins a step after the one before, from `start` again after each 10,000: a reminder of a visit
    outside the clinic's hours is held.
    """
    session.refresh(clinic)
    for begin in range(first, first + count, 500):
        session.rollback()
        begin_write(session)
        _gather(session, clinic, range(begin, min(begin + 500, first + count)), start, step)
        session.commit()


def _gather(session, clinic, numbers, start, step):
    numbers = list(numbers)
    zero = session.scalar(select(Resource.id).order_by(Resource.id.desc()).limit(1)) or 0
    patients = session.scalar(select(Patient.id).order_by(Patient.id.desc()).limit(1)) or 0
    visits = session.scalar(select(Appointment.id).order_by(Appointment.id.desc()).limit(1)) or 0
    ids = list(enumerate(numbers, start=1))
    common = {"clinic_id": clinic.id}
    session.execute(
        insert(Resource), [{**common, "id": zero + n, "kind": ResourceKind.PATIENT} for n, _ in ids]
    )
    session.execute(insert(Patient), [_patient(common, patients + n, zero + n, who) for n, who in ids])
    session.execute(
        insert(Appointment),
        [_visit(common, clinic, visits + n, patients + n, start + who % 10_000 * step) for n, who in ids],
    )
    session.execute(insert(Reminder), [_reminder(common, visits + n, start) for n, _ in ids])
    if session.get_bind().dialect.name == "postgresql":  # whoever comes next gets a number after these
        for table in ("resource", "patient", "appointment"):
            latest = f"(SELECT max(id) FROM {table})"
            session.execute(text(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), {latest})"))


def _patient(common, row_id, resource_id, who):
    return {
        **common,
        "id": row_id,
        "public_id": new_public_id(),
        "resource_id": resource_id,
        "given_name": f"P{who}",
        "family_name": "Crowd",
        "email": f"p{who}@example.org",
        "email_ok": True,
        "created_at": NOW,
    }


def _visit(common, clinic, row_id, patient_id, start):
    return {
        **common,
        "id": row_id,
        "public_id": new_public_id(),
        "patient_id": patient_id,
        "action": "infusion-1",
        "kind": "infusion",
        "title": "Infusion",
        "status": AppointmentStatus.BOOKED,
        "start_at": start,
        "end_at": start + timedelta(hours=2),
        "local_start": start.astimezone(clinic.zone).replace(tzinfo=None),
        "zone_name": clinic.zone_name,
        "phases": [],
        "uid": str(uuid4()),
        "changed_at": NOW,
        "created_at": NOW,
    }


def _reminder(common, appointment_id, start):
    return {
        **common,
        "public_id": new_public_id(),
        "appointment_id": appointment_id,
        "schedule_version": 1,
        "rule": RULE,
        "recipient": "patient",
        "due_at": NOW,
        "expires_at": start,
        "state": ReminderState.PENDING,
        "created_at": NOW,
    }


def states(session):
    """Return by recipient: the reminder's state, the mail's state, how often it was sent again, and why."""
    query = (
        select(Patient.email, Reminder.state, Message.state, Message.resends, Message.reason)
        .join(Appointment, Appointment.patient_id == Patient.id)
        .join(Reminder, Reminder.appointment_id == Appointment.id)
        .outerjoin(Message, Message.id == Reminder.message_id)
    )
    return {row[0]: tuple(row[1:]) for row in session.execute(query)}
