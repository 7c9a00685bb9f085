"""Answers of a patient that a person must see: the task, the mail to the prescriber, and escalation.

The task and its mail are written in the transaction that keeps the answers, so neither can be there without the others.
The mail holds initials, the day of the visit and a link; what was answered is on the page behind it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from scheduler.domain.answers import needs_a_person
from scheduler.domain.localtime import to_local
from scheduler.domain.plans import Role
from scheduler.models.appointment import Appointment, Participant
from scheduler.models.clinic import Clinic
from scheduler.models.message import MessageKind
from scheduler.models.patient import Patient
from scheduler.models.practitioner import Practitioner, PractitionerRole
from scheduler.models.task import Task, TaskKind, open_of
from scheduler.models.user import Membership, StaffRole, User
from scheduler.models.versions import raise_versions
from scheduler.models.visit_answer import CheckIn
from scheduler.services import locks
from scheduler.services.actors import Actor
from scheduler.services.clinic.staff import answering, initials
from scheduler.services.mail import outbox
from scheduler.services.trail import audit

WORDS = "task-notice"  # the mail's text
LEADING = (StaffRole.ADMIN, StaffRole.MANAGER, StaffRole.PRESCRIBER)
MOST_ESCALATIONS = 24


def check(
    session: Session, actor: Actor, appointment: Appointment, row: CheckIn, now: datetime
) -> Task | None:
    """Open a task for answers that a person must see, and write the mail. Returns the open task, if there is one.

    Answering again adds to a task that is open; the person who has it, or who was notified, is notified again. What was
    answered before stays with the task, also when the new answers are good.
    """
    clinic = actor.clinic
    task = open_of(session, TaskKind.ANSWER, appointment.id)
    answers = (row.little_interest, row.feeling_down, row.mood)
    if not needs_a_person(clinic.settings.thresholds, *answers, urgent=row.urgent):
        return task
    given = {"phq2": row.phq2, "mood": row.mood, "urgent": row.urgent, "note": row.note}
    if task is not None and _without_time(task.answers[-1]) == given:
        return task  # the same form, sent twice
    if task is None:
        due_at = now + timedelta(minutes=clinic.settings.answer_due_minutes)
        task = Task(
            clinic_id=clinic.id,
            kind=TaskKind.ANSWER,
            patient_id=appointment.patient_id,
            appointment_id=appointment.id,
            details={"answers": []},
            created_at=now,
            due_at=due_at,
            escalates_at=due_at,
        )
        session.add(task)
    task.details = {"answers": [*task.details["answers"], {"at": now.isoformat(), **given}]}
    session.flush()
    audit.record(session, actor, "task.opened", task, now)
    readers = [task.taken_by] if task.taken_by else first_readers(session, clinic, appointment)
    _notify(session, clinic, task, readers, now)
    raise_versions(session, clinic.id, [], now)
    return task


def first_readers(session: Session, clinic: Clinic, appointment: Appointment) -> list[User]:
    """Return who is notified first: the course's prescriber, else the clinic's contacts, else everyone who leads."""
    known = answering(session, clinic)
    prescribers = _prescribers(session, appointment)
    for user_id in prescribers:
        if found := [user for user in known if user.id == user_id]:
            return found
    return _contacts(clinic, known) or _leading(session, clinic, known) or known


def due_clinics(session: Session, now: datetime) -> Sequence[int]:
    """Return the ids of the clinics with tasks that were not taken in time."""
    query = select(Task.clinic_id).where(Task.done_at.is_(None), Task.escalates_at <= now)
    return session.scalars(query.distinct().order_by(Task.clinic_id)).all()


def escalate_due(session: Session, clinic: Clinic, now: datetime) -> int:
    """Notify everyone who leads, and the contacts, of each task that were not taken in time, and again later."""
    if not locks.take_job(session, "tasks", clinic.id):
        return 0
    query = select(Task).where(Task.clinic_id == clinic.id, Task.done_at.is_(None), Task.escalates_at <= now)
    found = session.scalars(query.order_by(Task.id).with_for_update()).all()
    actor = Actor(clinic, None, None, "clock")
    known = answering(session, clinic)
    contacts, leading = _contacts(clinic, known), _leading(session, clinic, known)
    readers = [user for user in known if user in contacts or user in leading] or known
    for task in found:
        task.escalations += 1
        wait = timedelta(minutes=clinic.settings.answer_due_minutes)
        task.escalates_at = now + wait if task.escalations < MOST_ESCALATIONS else None
        _notify(session, clinic, task, readers, now)
        audit.record(session, actor, "task.escalated", task, now)
    session.flush()
    return len(found)


def _notify(session: Session, clinic: Clinic, task: Task, readers: Sequence[User], now: datetime) -> None:
    patient = session.get_one(Patient, task.patient_id)
    visit = session.get_one(Appointment, task.appointment_id)
    formats, zone = clinic.formats, clinic.zone
    day, due = formats.dated(to_local(visit.start_at, zone)), formats.moment(to_local(task.due_at, zone))
    late = " It is not taken yet." if task.escalations else ""
    line = f"{initials(patient)}, visit of {day}: please read what the patient answered. Due {due}.{late}"
    for user in readers:
        values = {"words": WORDS, "lines": line, "path": f"/tasks/{task.public_id}"}
        outbox.enqueue(session, clinic, MessageKind.NOTICE, now, user=user, values=values)


def _prescribers(session: Session, appointment: Appointment) -> list[int]:
    """Return the accounts of the course's prescribers: of this visit, then of those nearest to it."""
    where = (
        Appointment.care_plan_id == appointment.care_plan_id
        if appointment.care_plan_id
        else Appointment.id == appointment.id
    )
    query = (
        select(Practitioner.user_id, Appointment.start_at)
        .join(Participant, Participant.practitioner_id == Practitioner.id)
        .join(Appointment, Appointment.id == Participant.appointment_id)
        .join(PractitionerRole, PractitionerRole.practitioner_id == Practitioner.id)
        .where(
            where,
            Practitioner.clinic_id == appointment.clinic_id,
            Practitioner.user_id.is_not(None),
            Practitioner.active,
            PractitionerRole.role == Role.PRESCRIBER,
        )
    )
    found = [(abs(at - appointment.start_at), user_id) for user_id, at in session.execute(query) if user_id]
    return list(dict.fromkeys(user_id for _, user_id in sorted(found)))


def _contacts(clinic: Clinic, known: Sequence[User]) -> list[User]:
    return [user for user in known if user.email in clinic.settings.answer_contacts]


def _leading(session: Session, clinic: Clinic, known: Sequence[User]) -> list[User]:
    query = select(Membership.user_id).where(Membership.clinic_id == clinic.id, Membership.role.in_(LEADING))
    leading = set(session.scalars(query))
    return [user for user in known if user.id in leading]


def _without_time(answer: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in answer.items() if name != "at"}
