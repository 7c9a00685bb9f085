"""Mails of each kind, right after loading: the mailbox shows what patients and staff get without a day's wait.

They go the way of all mail, through outbox and clock, about visits that are as the mail says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from scheduler.domain.localtime import local_on, to_minute
from scheduler.domain.periods import whole_weeks
from scheduler.domain.reminders import Topic
from scheduler.domain.status import LIVE, AppointmentStatus, Response
from scheduler.models.appointment import Appointment
from scheduler.models.clinic import Clinic
from scheduler.models.message import MessageKind
from scheduler.models.open_requirements import is_missing
from scheduler.models.patient import Patient
from scheduler.models.patient_request import open_for
from scheduler.models.user import User
from scheduler.models.visit_answer import check_in_of
from scheduler.notify.words import LANGUAGES
from scheduler.services.account import passwords
from scheduler.services.actors import Actor
from scheduler.services.clinic import staff
from scheduler.services.day import digest
from scheduler.services.mail import notices, outbox
from scheduler.services.mail.reminders import recipients, waits
from scheduler.services.patient import address_changes, patient_requests, unsubscribing
from scheduler.services.reports import weekly
from scheduler.services.reports.scope import scope_of
from scheduler.services.task import emailed_proposals
from scheduler.services.task.emailed_proposals import EmailedVisit

MOVED = 3
RECENT, SOON = timedelta(days=4), timedelta(days=10)
CHECKED = timedelta(days=28)
PROPOSED_IN = timedelta(days=14)
WRITTEN_TO = (MessageKind.CONFIRMATION, MessageKind.LINK)
Fits = Callable[[Appointment], bool]


def one_of_each(session: Session, clinic: Clinic, now: datetime, public_url: str, keys: Sequence[str]) -> int:
    """Put the mails into the outbox, those to patients in each language where someone speaks it. Returns how many."""
    treated = (
        Appointment.status == AppointmentStatus.FULFILLED,
        Appointment.end_at < now,
        Appointment.end_at > now - CHECKED,
        Appointment.kind.in_(clinic.settings.check_in_kinds),
    )
    ahead = (Appointment.status.in_(LIVE), Appointment.start_at > now, Appointment.start_at < now + SOON)
    proposed = (Appointment.status == AppointmentStatus.PROPOSED, Appointment.start_at > now)
    off = (Appointment.status == AppointmentStatus.CANCELLED, Appointment.start_at > now - RECENT)
    count = 0
    for kind in WRITTEN_TO:
        count += _about(session, clinic, kind, ahead, now, lambda _: True)
    for reminded in (
        lambda one: one.response is not Response.ACCEPTED and open_for(session, one) is None,
        lambda one: one.response is Response.ACCEPTED and open_for(session, one) is None,
        lambda one: open_for(session, one) is not None,
    ):
        count += _about(session, clinic, MessageKind.REMINDER, ahead, now, reminded)
    for kind, values in (
        (MessageKind.CHANGE, lambda one: {"again": [one.id]}),
        (MessageKind.CHANGE, lambda one: {"before": {str(one.id): _a_day_earlier(one)}}),
        (MessageKind.OFFER, lambda one: _offer(one, now)),
        (MessageKind.REQUEST_ANSWER, lambda _: {"words": patient_requests.SUGGESTED}),
        (MessageKind.REQUEST_ANSWER, lambda _: {"words": patient_requests.DECLINED}),
    ):
        count += _about(session, clinic, kind, ahead, now, lambda _: True, values)
    count += _about(session, clinic, MessageKind.CANCELLATION, off, now, lambda _: True)
    count += _about(
        session,
        clinic,
        MessageKind.REQUIREMENT_MISSING,
        ahead,
        now,
        lambda one: is_missing(one, Topic.REQUIREMENTS),
    )
    count += _about(
        session, clinic, MessageKind.DRIVER, ahead, now, lambda one: is_missing(one, Topic.DRIVER)
    )
    count += _about(session, clinic, MessageKind.BOOSTER, proposed, now, waits)
    count += _about(
        session, clinic, MessageKind.CHECK_IN, treated, now, lambda one: check_in_of(session, one) is None
    )
    count += _of_courses(session, clinic, now)
    for language in LANGUAGES:
        if (shy := _last(session, clinic, Patient.language == language, email_ok=False)) is not None:
            outbox.enqueue(session, clinic, MessageKind.LINK, now, patient=shy)
            count += 1
        if (moving := _last(session, clinic, Patient.language == language, email_ok=True)) is not None:
            by_link = Actor(clinic, None, None, "patient")
            address_changes.ask(session, by_link, moving, f"new.{moving.email}", now)
            count += 2 + _proposed(session, clinic, moving, now)
    return count + _to_staff(session, clinic, now, public_url, keys)


def _offer(visit: Appointment, now: datetime) -> dict[str, object]:
    """Return what a mail says that offers the time a day before a visit."""
    start, end = visit.start_at - timedelta(days=1), visit.end_at - timedelta(days=1)
    proposed = {
        "start": to_minute(start),
        "end": to_minute(end),
        "title": visit.title,
        "position": visit.position,
        "series_length": visit.series_length,
    }
    return {"proposed": [proposed], "held_until": to_minute(now + timedelta(hours=1))}


def _proposed(session: Session, clinic: Clinic, patient: Patient, now: datetime) -> int:
    """Propose a consultation and an assessment in two weeks, which the patient may answer on the private page."""
    start = (now + PROPOSED_IN).replace(minute=0, second=0, microsecond=0)
    visits = [
        EmailedVisit(at, at + timedelta(hours=1), title, None, None)
        for title, at in (("Consultation", start), ("Medical assessment", start + timedelta(days=2)))
    ]
    path = f"/care-plans/new?patient={patient.public_id}"
    emailed_proposals.email(session, Actor(clinic, None, None, "demo"), patient, visits, path, now)
    return len(recipients(patient))


def _of_courses(session: Session, clinic: Clinic, now: datetime) -> int:
    """Put mails about several visits at once into the outbox: a course, one that moved, one canceled."""
    ahead = (Appointment.status.in_(LIVE), Appointment.start_at > now)
    off = (Appointment.status == AppointmentStatus.CANCELLED, Appointment.start_at > now)
    count = 0
    for language in LANGUAGES:
        if course := _several(session, clinic, ahead, language):
            patient = course[0].patient
            outbox.enqueue(session, clinic, MessageKind.CONFIRMATION, now, patient=patient, about=course)
            moved = course[:MOVED]
            before = {str(one.id): _a_day_earlier(one) for one in moved}
            outbox.enqueue(
                session,
                clinic,
                MessageKind.CHANGE,
                now,
                patient=patient,
                values={"before": before},
                about=moved,
            )
            count += 2
        if called_off := _several(session, clinic, off, language):
            patient = called_off[0].patient
            outbox.enqueue(session, clinic, MessageKind.CANCELLATION, now, patient=patient, about=called_off)
            count += 1
    return count


def _several(
    session: Session, clinic: Clinic, where: tuple[ColumnElement[bool], ...], language: str
) -> list[Appointment]:
    """Return all such visits of the patient who has the most of them, if there are two at least."""
    by_patient: dict[int, list[Appointment]] = {}
    for visit in _visits(session, clinic, where, language):
        by_patient.setdefault(visit.patient_id, []).append(visit)
    most = max(by_patient.values(), key=len, default=[])
    return most if len(most) > 1 else []


def _about(
    session: Session,
    clinic: Clinic,
    kind: MessageKind,
    where: tuple[ColumnElement[bool], ...],
    now: datetime,
    fits: Fits,
    values: Callable[[Appointment], dict[str, Any]] = lambda _: {},
) -> int:
    found = 0
    for language in LANGUAGES:
        visit = next((one for one in _visits(session, clinic, where, language) if fits(one)), None)
        if visit is not None:
            about = [] if kind is MessageKind.LINK else [visit]
            outbox.enqueue(
                session, clinic, kind, now, patient=visit.patient, values=values(visit), about=about
            )
            found += 1
    return found


def _visits(
    session: Session, clinic: Clinic, where: tuple[ColumnElement[bool], ...], language: str
) -> Iterator[Appointment]:
    query = (
        select(Appointment)
        .join(Patient, Patient.id == Appointment.patient_id)
        .where(
            Appointment.clinic_id == clinic.id,
            Appointment.visible,
            Patient.language == language,
            Patient.email.is_not(None),
            Patient.email_ok,
            *where,
        )
        .order_by(Appointment.start_at, Appointment.id)
    )
    yield from session.scalars(query)


def _a_day_earlier(visit: Appointment) -> list[str]:
    day = timedelta(days=1)
    return [(visit.start_at - day).isoformat(), (visit.end_at - day).isoformat()]


def _to_staff(session: Session, clinic: Clinic, now: datetime, public_url: str, keys: Sequence[str]) -> int:
    desk: list[User] = staff.desk(session, clinic)[:1]
    week = whole_weeks(local_on(now, clinic.zone), clinic.formats, 1)
    last_week = scope_of(session, clinic, week, now)
    for user in desk:
        lines = "\n".join(digest.lines_of(session, clinic, now))
        values = {"lines": lines, "path": "/"}
        outbox.enqueue(session, clinic, MessageKind.DIGEST, now, user=user, values=values)
        figures = {"lines": "\n".join(weekly.lines_of(session, last_week)), "path": "/reports"}
        outbox.enqueue(session, clinic, MessageKind.FIGURES, now, user=user, values=figures)
        passwords.ask_for_reset(session, user.email, now, public_url, keys)
    patient = _last(session, clinic, email_ok=True)
    if patient is not None:
        unsubscribing.unsubscribe(session, Actor(clinic, None, None, "patient"), patient, now)
    stranger = _last(session, clinic, Patient.unsubscribed_at.is_(None), email_ok=True)
    if stranger is not None:
        stranger.email_bad_at = now
        notices.bounced(session, stranger, now)
    return 3 * len(desk) + (patient is not None)


def _last(session: Session, clinic: Clinic, *where: ColumnElement[bool], email_ok: bool) -> Patient | None:
    query = select(Patient).where(
        Patient.clinic_id == clinic.id, Patient.email.is_not(None), Patient.email_ok == email_ok, *where
    )
    return session.scalar(query.order_by(Patient.id.desc()).limit(1))
