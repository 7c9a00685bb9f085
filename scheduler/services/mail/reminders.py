"""Planning reminders: the due rows of a visit, written in the transaction that books or moves it.

One row per visit, schedule version, rule and recipient. A row that was already past when it was planned is kept as
skipped, so the send log can say why nothing came. Rows of an earlier version are void; rows are never deleted.

Rows that ask for something (a requirement, a driver) are written for the visits that need it and are void while it is
complete. A proposed visit has one kind of row: that it is to be booked.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, time
from functools import cache

from sqlalchemy import Select, and_, bindparam, or_, select
from sqlalchemy.orm import Session, selectinload

from scheduler.domain.message_reasons import MessageReason
from scheduler.domain.reminders import (
    Anchor,
    Due,
    QuietHours,
    ReminderCalendar,
    ReminderRule,
    Topic,
    by_lead_hours,
    due_times,
    read_rule,
    topic_of,
)
from scheduler.domain.settings import ClinicSettings
from scheduler.domain.status import LIVE, AppointmentStatus, CarePlanStatus
from scheduler.models.appointment import Appointment
from scheduler.models.care_plan import CarePlan
from scheduler.models.clinic import Clinic
from scheduler.models.open_requirements import asked_about, is_missing
from scheduler.models.patient import Patient
from scheduler.models.reasoned import reason_columns
from scheduler.models.reminder import Reminder, ReminderState
from scheduler.services.clinic.working_days import working_days

OPEN = (ReminderState.PENDING, ReminderState.QUEUED)


def plan_for(
    session: Session,
    clinic: Clinic,
    appointments: Sequence[Appointment],
    now: datetime,
    late: MessageReason = MessageReason.BOOKED_LATE,
) -> None:
    """Write the due rows for the present schedule version of those visits that the patient sees."""
    session.flush()
    settings = clinic.settings
    told = [one for one in appointments if is_told(one, settings)]
    planned = _planned(session, told)
    rules, calendar = rules_of(settings), calendar_of(session, clinic)
    for appointment in told:
        for due in dues_of(appointment, rules, now, calendar):
            for recipient in asked_by(due.rule, appointment.patient):
                key = (appointment.id, appointment.schedule_version, due.rule.key, recipient)
                if key not in planned:
                    session.add(_row(appointment, due, recipient, now, late))
    session.flush()


def void_for(session: Session, appointments: Iterable[Appointment], reason: MessageReason) -> None:
    """Make void every open row of these visits that no longer holds: an earlier version, or a visit that is off."""
    session.flush()
    by_id = {appointment.id: appointment for appointment in appointments}
    query = select(Reminder).where(Reminder.appointment_id.in_(by_id), Reminder.state.in_(OPEN))
    for row in session.scalars(query):
        appointment = by_id[row.appointment_id]
        holds = row.schedule_version == appointment.schedule_version and stands(
            appointment, topic_of(row.rule)
        )
        if not holds:
            row.state = ReminderState.VOID
            row.explain(reason)
    session.flush()


def dues_of(
    appointment: Appointment, rules: Iterable[ReminderRule], now: datetime, calendar: ReminderCalendar
) -> list[Due]:
    """Return when each rule that has something to say about this visit falls due, soonest first."""
    topics = _topics(appointment)
    start, end = appointment.start_at, appointment.end_at
    wanted = [rule for rule in rules if rule.topic in topics]
    return due_times(wanted, appointment.kind, start, end, now, calendar) if wanted else []


def stands(appointment: Appointment, topic: Topic) -> bool:
    """Tell whether a visit is what a row of this topic is about: one that stands, or one that waits to be booked."""
    return waits(appointment) if topic is Topic.BOOSTER else appointment.status.is_live


def waits(appointment: Appointment) -> bool:
    """Tell whether a visit of a running course is only proposed and waits to be booked."""
    course = appointment.care_plan
    proposed = appointment.status is AppointmentStatus.PROPOSED and appointment.expires_at is None
    return proposed and course is not None and course.status is CarePlanStatus.ACTIVE


def is_settled(appointment: Appointment, topic: Topic) -> bool:
    """Tell whether a row that asks for something has nothing to ask for."""
    return topic in (Topic.REQUIREMENTS, Topic.DRIVER) and not is_missing(appointment, topic)


def is_told(appointment: Appointment, settings: ClinicSettings) -> bool:
    """Whether the patient gets mail about this visit at all."""
    return appointment.visible or settings.show_hidden_visits


def recipients(patient: Patient) -> tuple[str, ...]:
    """Return who is written to: the patient, and the person who looks after them if they have another address."""
    return ("patient", "proxy") if patient.proxy_email and not shares_address(patient) else ("patient",)


def shares_address(patient: Patient) -> bool:
    """Tell whether the patient and the person who looks after them read the same mailbox."""
    return (patient.proxy_email or "").lower() == (patient.email or "").lower()


def asked_by(rule: ReminderRule, patient: Patient) -> tuple[str, ...]:
    """Return whom a rule writes to. Only the patient can say how they are after a visit."""
    return ("patient",) if rule.anchor is Anchor.AFTER_END else recipients(patient)


def address_of(patient: Patient, recipient: str) -> str | None:
    return patient.proxy_email if recipient == "proxy" else patient.email


def rules_of(settings: ClinicSettings) -> tuple[ReminderRule, ...]:
    """Return the clinic's rules: its lead times, and those it has written."""
    own = tuple(read_rule(text) for text in settings.reminder_rules)
    return (*by_lead_hours(settings.reminder_lead_hours), *own)


def quiet_hours(settings: ClinicSettings) -> QuietHours:
    return QuietHours(time.fromisoformat(settings.quiet_from), time.fromisoformat(settings.quiet_until))


def calendar_of(session: Session, clinic: Clinic, settings: ClinicSettings | None = None) -> ReminderCalendar:
    """Return what a rule must know of a clinic, under its own settings or others."""
    settings = settings or clinic.settings
    skip = not settings.reminders_on_closed_days
    return ReminderCalendar(clinic.zone, quiet_hours(settings), working_days(session, clinic), skip)


def rules_changed(session: Session, clinic: Clinic, now: datetime) -> None:
    """Plan the visits ahead under the clinic's new rules. What would have been due already is never sent late."""
    wanted = {rule.key for rule in rules_of(clinic.settings)}
    ahead = list(session.scalars(_ahead(clinic, now)))
    query = select(Reminder).where(Reminder.appointment_id.in_([visit.id for visit in ahead]))
    for row in session.scalars(query):
        gone = row.state is ReminderState.VOID and row.reason_code == MessageReason.RULE_REMOVED
        if row.rule not in wanted and row.state is ReminderState.PENDING:
            row.state = ReminderState.VOID
            row.explain(MessageReason.RULE_REMOVED)
        elif row.rule in wanted and gone:
            late = row.due_at < now
            row.state = ReminderState.SKIPPED if late else ReminderState.PENDING
            row.explain(MessageReason.RULE_LATE if late else MessageReason.NONE)
    plan_for(session, clinic, ahead, now, MessageReason.RULE_LATE)


def _ahead(clinic: Clinic, now: datetime) -> Select[Appointment]:
    proposed = and_(Appointment.status == AppointmentStatus.PROPOSED, Appointment.expires_at.is_(None))
    course = selectinload(Appointment.care_plan)
    return (
        select(Appointment)
        .where(
            Appointment.clinic_id == clinic.id,
            Appointment.start_at > now,
            or_(Appointment.status.in_(LIVE), proposed),
        )
        .options(course.selectinload(CarePlan.requirements), course.joinedload(CarePlan.plan_definition))
        .order_by(Appointment.id)
    )


def _topics(appointment: Appointment) -> frozenset[Topic]:
    if appointment.status.is_live:
        return asked_about(appointment) | {Topic.VISIT}
    return frozenset({Topic.BOOSTER}) if waits(appointment) else frozenset()


def _planned(session: Session, appointments: Iterable[Appointment]) -> set[tuple[int, int, str, str]]:
    about = {"visits": [one.id for one in appointments]}
    return {(visit, version, rule, who) for visit, version, rule, who in session.execute(_of_visits(), about)}


@cache  # built once, asked at every booking
def _of_visits() -> Select[int, int, str, str]:
    return select(
        Reminder.appointment_id, Reminder.schedule_version, Reminder.rule, Reminder.recipient
    ).where(Reminder.appointment_id.in_(bindparam("visits", expanding=True)))


def _row(appointment: Appointment, due: Due, recipient: str, now: datetime, late: MessageReason) -> Reminder:
    state, reason = ReminderState.PENDING, MessageReason.NONE
    if due.due_at < now:
        state, reason = ReminderState.SKIPPED, late
    elif is_settled(appointment, due.rule.topic):
        state, reason = ReminderState.VOID, MessageReason.NOTHING_MISSING
    return Reminder(
        clinic_id=appointment.clinic_id,
        appointment_id=appointment.id,
        schedule_version=appointment.schedule_version,
        rule=due.rule.key,
        recipient=recipient,
        due_at=due.due_at,
        expires_at=due.expires_at,
        state=state,
        **reason_columns(reason),
        created_at=now,
    )
