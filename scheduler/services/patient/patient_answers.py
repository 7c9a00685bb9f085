"""What a patient tells on their private page: who drives them home, how they are, how they wish to be reached."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from scheduler.domain.status import ATTENDED
from scheduler.domain.text import whole_number
from scheduler.errors import Invalid, NotFound
from scheduler.ical.texts import line
from scheduler.models.appointment import Appointment
from scheduler.models.clinic import Clinic
from scheduler.models.open_requirements import DRIVER
from scheduler.models.patient import Patient
from scheduler.models.visit_answer import CheckIn, DriverAnswer, check_in_of, driver_of
from scheduler.services.actors import Actor
from scheduler.services.task import answers as answer_tasks
from scheduler.services.trail import audit
from scheduler.services.visit import requirements
from scheduler.services.visit.changes import changing

ASKED_FROM = timedelta(hours=12)  # after the end of the visit
ASKED_FOR = timedelta(days=2)
HIGHEST = {"little_interest": 3, "feeling_down": 3, "mood": 10}


def tell_driver(
    session: Session,
    actor: Actor,
    appointment: Appointment,
    now: datetime,
    has_driver: bool,
    name: str = "",
    phone: str = "",
) -> DriverAnswer:
    """Keep who takes the patient home. A driver with a phone settles the visit's driver requirement, none opens it.

    Raises Invalid when there is a driver without a phone.
    """
    name, phone = line(name)[:100], line(phone)[:40]
    if has_driver and not any(character.isdigit() for character in phone):
        raise Invalid([("phone", "is missing")])
    answer = driver_of(session, appointment) or DriverAnswer(
        clinic_id=appointment.clinic_id, appointment_id=appointment.id
    )
    answer.has_driver, answer.schedule_version = has_driver, appointment.schedule_version
    answer.name, answer.phone = (name, phone) if has_driver else ("", "")
    answer.answered_at = now
    session.add(answer)
    with changing(session, actor, now, [appointment]) as change:
        change.note(appointment, "driver", audit=None)
    _settle(session, actor, appointment, has_driver, now)
    audit.record(session, actor, "driver.told", appointment, now)
    session.flush()
    return answer


def waiting_check_in(session: Session, clinic: Clinic, patient: Patient, now: datetime) -> Appointment | None:
    """Return the latest visit after which the patient is asked how they are, until they have answered."""
    query = select(Appointment).where(
        Appointment.patient_id == patient.id,
        Appointment.kind.in_(clinic.settings.check_in_kinds),
        Appointment.status.in_(ATTENDED),
        Appointment.end_at <= now - ASKED_FROM,
        Appointment.end_at > now - ASKED_FOR,
    )
    latest = session.scalar(query.order_by(Appointment.end_at.desc(), Appointment.id.desc()).limit(1))
    return latest if latest is not None and check_in_of(session, latest) is None else None


def check_in(
    session: Session, actor: Actor, appointment: Appointment, now: datetime, answers: Mapping[str, str]
) -> CheckIn:
    """Keep a check-in; each question may be left out, and answering again replaces it. Raises Invalid.

    Answers beyond the clinic's thresholds, or marked urgent, open a task for a person.
    """
    row = check_in_of(session, appointment) or CheckIn(
        clinic_id=appointment.clinic_id, appointment_id=appointment.id
    )
    errors = []
    for name, highest in HIGHEST.items():
        given = answers.get(name, "")
        number = whole_number(given)
        if given and (number is None or number > highest):
            errors.append((name, f"must be from 0 to {highest}"))
        else:
            setattr(row, name, number)
    if errors:
        raise Invalid(errors)
    row.note, row.answered_at = line(answers.get("note", ""))[:1000], now
    row.urgent = answers.get("urgent") == "yes"
    session.add(row)
    session.flush()
    audit.record(session, actor, "check-in.answered", appointment, now)
    answer_tasks.check(session, actor, appointment, row, now)
    return row


def _settle(
    session: Session, actor: Actor, appointment: Appointment, has_driver: bool, now: datetime
) -> None:
    care_plan = appointment.care_plan
    if care_plan is None:
        return
    try:
        if has_driver:
            requirements.complete(
                session, actor, care_plan, DRIVER, now, appointment, note="the patient named a driver"
            )
        else:
            requirements.reopen(session, actor, care_plan, DRIVER, now, appointment)
    except NotFound:
        # the plan asks for no driver at this visit: the answer is kept anyway
        return
