"""From due reminders to messages: what the dispatch tick does first.

Reminders of one patient that fall due within two hours share a mail. Of one visit and topic only the newest is sent,
and nothing after the start: after hours of downtime no one gets a three-day and a one-day reminder together. A late
one that comes up in the quiet hours waits for their end if that is early enough. What asks for something is sent only
while it is missing, and waits for a preparatory visit at which it is settled as a rule. No one gets more than a
clinic's number of such mails in 24 hours: the desk calls instead. A reminder of a visit that is displaced by a closure
or an absence waits while it is, and ends as one to call about. A reminder that comes due within two hours of a mail
about a change of the visit says nothing new, and is left out. Questions after a visit go out once it is recorded as
attended. What is not sent says why.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from sqlalchemy import Integer, Select, bindparam, func, select
from sqlalchemy.orm import Session

from scheduler.domain.message_reasons import MessageReason
from scheduler.domain.reminders import KIND_OF_TOPIC, TOGETHER, Topic, newest_of_each, outside_quiet, topic_of
from scheduler.domain.status import ATTENDED
from scheduler.models.appointment import Appointment
from scheduler.models.clinic import Clinic
from scheduler.models.message import Message, MessageKind, MessageState, MessageSubject
from scheduler.models.open_requirements import settled_on_the_way
from scheduler.models.patient import Patient
from scheduler.models.reminder import Reminder, ReminderState
from scheduler.services.clinic.displaced import among
from scheduler.services.mail.letters import no_letter_to
from scheduler.services.mail.outbox import enqueue
from scheduler.services.mail.reminders import is_settled, quiet_hours, stands

AT_ONCE = 200
LATELY = timedelta(days=1)
NEXT_LOOK = timedelta(minutes=5)  # until a reminder of a displaced visit is looked at again
UNDERWAY = (MessageState.PENDING, MessageState.LEASED, MessageState.SENT, MessageState.UNCERTAIN)
Row = tuple[Reminder, Appointment]
Key = tuple[int, str]  # the patient, and who is written to


@dataclass(frozen=True, slots=True)
class _Present:
    """What decides on a reminder beside its visit; `announced` names visit, version and reader of recent changes."""

    now: datetime
    clinics: Mapping[int, Clinic]
    announced: Set[tuple[int, int, str]]


def collect(session: Session, now: datetime, limit: int = AT_ONCE) -> bool:
    """Turn due reminders into messages. Returns whether there may be more: call again until there are not."""
    rows = session.execute(_due(), {"now": now, "most": limit}).all()
    if not rows:
        return False
    # while they are held here, the session does not forget them
    clinics = {clinic.id: clinic for *_, clinic in rows}
    in_time = [row for row in rows if not _postpone_in_quiet_hours(row[3], row[0], now)]
    patients = {patient.id: patient for _, _, patient, _ in in_time}
    all_due = [(reminder, appointment) for reminder, appointment, _, _ in in_time]
    displaced = _displaced(session, clinics.values(), all_due)
    due = [row for row in all_due if row[1].id not in displaced or not _is_held_back(*row, now)]
    groups = _grouped(due)
    soon = _soon(session, due, now)
    present = _Present(now, clinics, _announced(session, [*due, *(row for _, row in soon)], now))
    displaced |= _displaced(session, clinics.values(), [row for _, row in soon])
    for key, row in soon:
        if row[1].id in displaced:
            continue
        # one that shares a mail with nothing would go early, perhaps in the night
        if any(_is_sent_now(*one, present) for one in groups.get(key, ())):
            groups[key].append(row)
    reminded = _reminded_lately(session, patients, now)
    mails = []
    for (patient_id, recipient), group in groups.items():
        patient = patients[patient_id]
        clinic = clinics[patient.clinic_id]
        why_not = _why_not(
            patient, recipient, reminded[patient_id, recipient], clinic.settings.reminders_most
        )
        for kind, together in _by_kind(group, present, why_not).items():
            mail = _draft(session, clinic, patient, recipient, kind, together, now)
            mails.append((mail, together))
    session.flush()  # once: the mails get their ids
    for mail, together in mails:
        for reminder, _ in together:
            reminder.state, reminder.message_id = ReminderState.QUEUED, mail.id
    session.flush()
    return len(rows) == limit


def _displaced(session: Session, clinics: Iterable[Clinic], rows: Iterable[Row]) -> set[int]:
    """Return the ids of the displaced visits that these reminders are about."""
    visits = {visit.id: visit for _, visit in rows}.values()
    found: set[int] = set()
    for clinic in clinics:
        theirs = [visit for visit in visits if visit.clinic_id == clinic.id]
        found |= {one.visit.id for one in among(session, clinic, theirs)}
    return found


def _is_held_back(reminder: Reminder, appointment: Appointment, now: datetime) -> bool:
    """Let a reminder of a displaced visit wait, or end at its expiry as one to call about. One that is void goes on."""
    if reminder.schedule_version != appointment.schedule_version:
        return False
    if reminder.expires_at <= now + NEXT_LOOK:
        reminder.state = ReminderState.SKIPPED
        reminder.explain(MessageReason.DISPLACED)
    else:
        reminder.due_at = now + NEXT_LOOK
    return True


def _grouped(rows: Iterable[Row]) -> dict[Key, list[Row]]:
    groups: dict[Key, list[Row]] = {}
    for row in rows:
        groups.setdefault(_patient_and_recipient(row), []).append(row)
    return groups


def _reminded_lately(session: Session, patients: Collection[int], now: datetime) -> Counter[Key]:
    """Count the mails of this kind in the last 24 hours that reached these people or still will."""
    lately = {"patients": list(patients), "since": now - LATELY}
    found = session.execute(_lately(), lately)
    return Counter({(who or 0, recipient): count for who, recipient, count in found})


@cache
def _lately() -> Select[int | None, str, int]:
    return (
        select(Message.patient_id, Message.recipient, func.count())
        .where(
            Message.patient_id.in_(bindparam("patients", expanding=True)),
            Message.kind.in_((MessageKind.CHECK_IN, *KIND_OF_TOPIC.values())),
            Message.state.in_(UNDERWAY),
            Message.created_at > bindparam("since"),
        )
        .group_by(Message.patient_id, Message.recipient)
    )


def _why_not(patient: Patient, recipient: str, reminded: int, most: int) -> tuple[MessageReason, str] | None:
    """Return why this person gets no reminder now, with a detail for the words."""
    if unreachable := no_letter_to(patient, recipient, reminding=True):
        return unreachable, ""
    return (MessageReason.DAILY_LIMIT, str(most)) if reminded >= most else None


def _by_kind(
    rows: list[Row], present: _Present, why_not: tuple[MessageReason, str] | None
) -> dict[MessageKind, list[Row]]:
    """Return what to send of a patient's rows; the others end here, each with its reason."""
    good = _skip_older([row for row in rows if _end_or_postpone(*row, present)])
    by_kind: dict[MessageKind, list[Row]] = {}
    for reminder, appointment in good:
        if why_not:
            reminder.state = ReminderState.SKIPPED
            reminder.explain(*why_not)
        else:
            by_kind.setdefault(kind_of(reminder.rule), []).append((reminder, appointment))
    return by_kind


def kind_of(rule: str) -> MessageKind:
    """Return the kind of mail that a rule asks for: by its topic; rules after the end check in, the others remind."""
    return MessageKind.CHECK_IN if rule.startswith("after-") else KIND_OF_TOPIC[topic_of(rule)]


def _draft(
    session: Session,
    clinic: Clinic,
    patient: Patient,
    recipient: str,
    kind: MessageKind,
    rows: Sequence[Row],
    now: datetime,
) -> Message:
    about = {appointment.id: appointment for _, appointment in rows}
    message = enqueue(
        session,
        clinic,
        kind,
        now,
        patient=patient,
        recipient=recipient,
        about=list(about.values()),
        due_at=min(reminder.due_at for reminder, _ in rows),
        expires_at=min(reminder.expires_at for reminder, _ in rows),
        flush=False,
    )
    message.due_at = min(message.due_at, now)
    message.urgent_at = min(appointment.start_at for appointment in about.values())
    return message


@cache  # built once, as the one below: a clock asks every few seconds
def _due() -> Select[Reminder, Appointment, Patient, Clinic]:
    return (
        select(Reminder, Appointment, Patient, Clinic)
        .join(Appointment, Reminder.appointment_id == Appointment.id)
        .join(Patient, Appointment.patient_id == Patient.id)
        .join(Clinic, Reminder.clinic_id == Clinic.id)
        .where(Reminder.state == ReminderState.PENDING, Reminder.due_at <= bindparam("now"))
        .order_by(Reminder.due_at, Reminder.id)
        .limit(bindparam("most", type_=Integer))
        .with_for_update(skip_locked=True, of=Reminder)
        .execution_options(populate_existing=True)
    )


def _soon(session: Session, rows: Sequence[Row], now: datetime) -> list[tuple[Key, Row]]:
    """Return the other reminders of the same patients that fall due soon after these."""
    session.flush()
    near = {
        "patients": list({appointment.patient_id for _, appointment in rows}),
        "until": now + TOGETHER,
        "these": [reminder.id for reminder, _ in rows],
    }
    found = [(row[0], row[1]) for row in session.execute(_of_the_same_patients(), near)]
    return [(_patient_and_recipient(row), row) for row in found]


@cache
def _of_the_same_patients() -> Select[Reminder, Appointment]:
    return (
        select(Reminder, Appointment)
        .join(Appointment, Reminder.appointment_id == Appointment.id)
        .where(
            Appointment.patient_id.in_(bindparam("patients", expanding=True)),
            Reminder.state == ReminderState.PENDING,
            Reminder.due_at <= bindparam("until"),
            Reminder.id.not_in(bindparam("these", expanding=True)),
        )
        .order_by(Reminder.id)
        .with_for_update(skip_locked=True, of=Reminder)
    )


def _announced(session: Session, rows: Sequence[Row], now: datetime) -> set[tuple[int, int, str]]:
    """Return the visits of which a change at the present time has just been mailed or is about to be."""
    about = {"visits": list({appointment.id for _, appointment in rows}), "since": now - TOGETHER}
    return {(visit, version, who) for visit, version, who in session.execute(_changes(), about)}


@cache
def _changes() -> Select[int, int, str]:
    return (
        select(MessageSubject.appointment_id, MessageSubject.schedule_version, Message.recipient)
        .join(Message, MessageSubject.message_id == Message.id)
        .where(
            MessageSubject.appointment_id.in_(bindparam("visits", expanding=True)),
            Message.kind == MessageKind.CHANGE,
            Message.state.in_(UNDERWAY),
            Message.created_at > bindparam("since"),
        )
    )


def _is_sent_now(reminder: Reminder, appointment: Appointment, present: _Present) -> bool:
    return (
        _end_of(reminder, appointment, present) is None
        and _postponed_until(reminder, appointment, present.now) is None
    )


def _end_or_postpone(reminder: Reminder, appointment: Appointment, present: _Present) -> bool:
    """Close or postpone a reminder that must not be sent now; return whether it is sent now."""
    if end := _end_of(reminder, appointment, present):
        reminder.state, reason = end
        reminder.explain(reason)
        return False
    if later := _postponed_until(reminder, appointment, present.now):
        reminder.due_at = later
        return False
    return True


def _end_of(
    reminder: Reminder, appointment: Appointment, present: _Present
) -> tuple[ReminderState, MessageReason] | None:
    """Return how and why a reminder ends unsent, None when it may still be sent."""
    topic, kind, now = topic_of(reminder.rule), kind_of(reminder.rule), present.now
    if reminder.schedule_version != appointment.schedule_version or not stands(appointment, topic):
        return ReminderState.VOID, MessageReason.VISIT_CHANGED
    if is_settled(appointment, topic):
        return ReminderState.VOID, MessageReason.NOTHING_MISSING
    if kind is MessageKind.CHECK_IN:
        if appointment.kind not in present.clinics[appointment.clinic_id].settings.check_in_kinds:
            return ReminderState.VOID, MessageReason.NOT_ASKED
        if reminder.expires_at <= now and appointment.status not in ATTENDED:
            return ReminderState.SKIPPED, MessageReason.NOT_RECORDED
    told_of = (appointment.id, appointment.schedule_version, reminder.recipient)
    if kind is MessageKind.REMINDER and told_of in present.announced:
        return ReminderState.SKIPPED, MessageReason.ANNOUNCED
    return (ReminderState.FAILED, MessageReason.DUE_TOO_LATE) if reminder.expires_at <= now else None


def _postponed_until(reminder: Reminder, appointment: Appointment, now: datetime) -> datetime | None:
    """Return when to look again: after a preparatory visit that completes what is missing, or once attended."""
    if kind_of(reminder.rule) is MessageKind.CHECK_IN and appointment.status not in ATTENDED:
        return now + NEXT_LOOK
    asks = topic_of(reminder.rule) is Topic.REQUIREMENTS
    return settled_on_the_way(appointment, now) if asks else None


def _skip_older(rows: list[Row]) -> list[Row]:
    """Skip each reminder that a newer one of the same visit and topic replaces; return the others."""
    in_order = sorted(rows, key=lambda row: (row[0].due_at, row[0].id))
    newest, overtaken = newest_of_each(in_order, lambda row: (row[1].id, topic_of(row[0].rule)))
    for reminder, _ in overtaken:
        reminder.state = ReminderState.SKIPPED
        reminder.explain(MessageReason.NEWER_REMINDER)
    return newest


def _postpone_in_quiet_hours(clinic: Clinic, reminder: Reminder, now: datetime) -> bool:
    """Move a late reminder to the end of the quiet hours when that is early enough; return whether it was moved."""
    if reminder.expires_at <= now:
        return False
    later = outside_quiet(now, reminder.expires_at, clinic.zone, quiet_hours(clinic.settings))
    if later <= now:
        return False
    reminder.due_at = later
    return True


def _patient_and_recipient(row: Row) -> Key:
    return row[1].patient_id, row[0].recipient
