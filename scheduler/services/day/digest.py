"""The morning digest for the desk: the day in numbers and where to look. Initials at most, never a name.

One mail per member of staff and clinic day, at the clinic's hour. After downtime it still comes for a few hours, and
not later: yesterday's numbers help no one.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time, timedelta

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session, joinedload, selectinload

from scheduler.domain.localtime import day_bounds, local_on
from scheduler.domain.reminders import at_local
from scheduler.domain.status import LIVE, Response
from scheduler.models import clinic as clinics
from scheduler.models import task
from scheduler.models.appointment import Appointment
from scheduler.models.care_plan import CarePlan
from scheduler.models.clinic import Clinic
from scheduler.models.message import Message, MessageKind
from scheduler.models.open_requirements import open_requirements
from scheduler.models.patient import Patient
from scheduler.models.patient_request import PatientRequest, RequestState
from scheduler.models.user import Membership, User
from scheduler.notify.words import Tongue, tongue
from scheduler.services import locks
from scheduler.services.clinic import displaced
from scheduler.services.clinic.staff import IS_AT_DESK, initials
from scheduler.services.course import booster_tasks, make_ups
from scheduler.services.mail import call_list, channels, send_log
from scheduler.services.mail.outbox import enqueue
from scheduler.services.patient import address_changes

USEFUL = timedelta(hours=3)
MOST_NAMED = 12


def due_clinics(session: Session, now: datetime) -> Sequence[int]:
    """Return the ids of the clinics where someone at the desk has no digest yet although it is due."""
    open_ones = clinics.where(session, lambda clinic: _due_at(clinic, now))
    query = select(Membership.clinic_id).where(
        *IS_AT_DESK,
        Membership.clinic_id.in_(open_ones),
        ~_written(Membership.clinic_id, now - USEFUL).exists(),
    )
    return session.scalars(query.distinct().order_by(Membership.clinic_id)).all() if open_ones else ()


def enqueue_due(session: Session, clinic: Clinic, now: datetime) -> int:
    """Write the digests that are due at this clinic and not written yet. Returns how many."""
    due_at = _due_at(clinic, now)
    if due_at is None or not locks.take_job(session, "digest", clinic.id):
        return 0
    readers = session.scalars(
        select(User)
        .where(
            Membership.clinic_id == clinic.id, *IS_AT_DESK, ~_written(Membership.clinic_id, due_at).exists()
        )
        .order_by(User.id)
    ).all()
    lines = "\n".join(lines_of(session, clinic, now)) if readers else ""
    for user in readers:
        enqueue(
            session,
            clinic,
            MessageKind.DIGEST,
            now,
            user=user,
            values={"lines": lines, "path": "/"},
            expires_at=due_at + USEFUL,
        )
    return len(readers)


def lines_of(session: Session, clinic: Clinic, now: datetime) -> list[str]:
    """Return what the desk should know this morning, one line each; what is not the case is left out."""
    start, end = day_bounds(local_on(now, clinic.zone), clinic.zone)
    speech = tongue("en", clinic.zone, clinic.formats)
    today = _visits(session, clinic, start, end)
    ahead = [visit for visit in today if visit.status.is_ahead]
    quiet = [visit for visit in ahead if visit.response is not Response.ACCEPTED]
    missing = [visit for visit in ahead if open_requirements(visit)]
    first = today[0].start_at if today else now
    when = f", the first at {speech.time(first)} ({speech.zone_of(first)})" if today else ""
    return [
        f"{_counted(len(today), 'visit')} today{when}",
        *_named("Affected by a closure or an absence", _displaced(session, clinic, today), speech),
        *_named("Not confirmed", quiet, speech),
        *_named("Open requirements", missing, speech),
        *_numbers(session, clinic, now),
        *channels.troubles(session, now, clinic),
    ]


def _displaced(session: Session, clinic: Clinic, visits: Sequence[Appointment]) -> list[Appointment]:
    return [one.visit for one in displaced.among(session, clinic, visits)]


def _visits(session: Session, clinic: Clinic, start: datetime, end: datetime) -> Sequence[Appointment]:
    query = select(Appointment).where(
        Appointment.clinic_id == clinic.id,
        Appointment.start_at >= start,
        Appointment.start_at < end,
        Appointment.status.in_(LIVE),
    )
    course = selectinload(Appointment.care_plan)
    query = query.options(
        joinedload(Appointment.patient),
        course.selectinload(CarePlan.requirements),
        course.joinedload(CarePlan.plan_definition),
    )
    return session.scalars(query.order_by(Appointment.start_at, Appointment.id)).all()


def _named(words: str, visits: Sequence[Appointment], speech: Tongue) -> list[str]:
    """Return a line with the initials and times of these visits, or none."""
    if not visits:
        return []
    named = [f"{initials(one.patient)} {speech.time(one.start_at)}" for one in visits[:MOST_NAMED]]
    more = ["..."] if len(visits) > MOST_NAMED else []
    return [f"{words} ({len(visits)}): {', '.join([*named, *more])}"]


def _numbers(session: Session, clinic: Clinic, now: datetime) -> list[str]:
    yesterday = now - timedelta(days=1)
    bad = (Patient.clinic_id == clinic.id, Patient.email_bad_at > yesterday)
    stopped = (Patient.clinic_id == clinic.id, Patient.unsubscribed_at > yesterday)
    asked = (PatientRequest.clinic_id == clinic.id, PatientRequest.state == RequestState.OPEN)
    numbers = (
        (len(call_list.calls(session, clinic, now)), "patient", "to call"),
        (task.count_open(session, clinic.id, now)[0], "open task", "to do"),
        (_count(session, PatientRequest, *asked), "request", "from patients to answer"),
        (
            len(address_changes.waiting(session, clinic, now)),
            "patient",
            "with a new email address to review",
        ),
        (len(booster_tasks.to_book(session, clinic, now)), "booster", "due to book"),
        (len(displaced.ahead(session, clinic, now)), "visit", "affected by a closure or an absence"),
        (len(make_ups.to_make_up(session, clinic)), "canceled or missed visit", "to reschedule"),
        (_count(session, Patient, *bad), "email address", "stopped working since yesterday"),
        (_count(session, Patient, *stopped), "patient", "opted out of reminders since yesterday"),
        (send_log.unclear(session, clinic), "mail", "may not have arrived"),
    )
    return [f"{_counted(count, what)} {words}" for count, what, words in numbers if count]


def _count(session: Session, model: type[Patient | PatientRequest], *where: ColumnElement[bool]) -> int:
    return session.scalar(select(func.count()).select_from(model).where(*where)) or 0


def _counted(count: int, what: str) -> str:
    plural = f"{what}es" if what.endswith("ss") else f"{what}s"
    return f"{count} {what if count == 1 else plural}"


def _due_at(clinic: Clinic, now: datetime) -> datetime | None:
    """Return when today's digests were due; None before, and once they are of no use any more."""
    at = clinic.settings.digest_at
    if not at:
        return None
    due_at = at_local(local_on(now, clinic.zone), time.fromisoformat(at), clinic.zone)
    return due_at if due_at <= now < due_at + USEFUL else None


def _written(clinic_id: InstrumentedAttribute[int], since: datetime) -> Select[int]:
    """Return the query for a user's digests of a clinic."""
    return select(Message.id).where(
        Message.user_id == User.id,
        Message.clinic_id == clinic_id,
        Message.kind == MessageKind.DIGEST,
        Message.created_at >= since,
    )
