"""The sending check that a claimed message passes right before its content is sent, and the recording of how it ended.

The sending check is one UPDATE: it asks for the lease, for every visit in the version that the letter tells of, for the
link epoch that its links carry (an address that the desk has just corrected gets nothing more), for a patient who has
neither died nor left, and for the time not to be over; it sets `data_at`. Only when it has been committed may the
content leave. On PostgreSQL the visits are locked first, so a cancellation that commits while the sending check runs is
either seen by it or comes after it. A reminder of a displaced visit (a closure, an absence) is refused too.
"""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Integer, Select, Update, and_, bindparam, exists, or_, select, update
from sqlalchemy.orm import Session

from scheduler.domain.message_kinds import BEFORE_A_VISIT, TO_STAFF
from scheduler.domain.message_reasons import MessageReason
from scheduler.domain.status import LIVE, AppointmentStatus
from scheduler.models.appointment import Appointment
from scheduler.models.clinic import Clinic
from scheduler.models.message import Message, MessageKind, MessageState, MessageSubject
from scheduler.models.patient import Patient
from scheduler.models.reasoned import reason_columns
from scheduler.models.reminder import Reminder, ReminderState
from scheduler.notify.faults import DeliveryPhase, SendFault, Verdict, redacted
from scheduler.services.clinic.displaced import among
from scheduler.services.database_clock import database_clock, database_time
from scheduler.services.locks import hold_hours
from scheduler.services.mail import notices, sent_invitations
from scheduler.services.mail.leases import backoff
from scheduler.services.mail.letters import Letter, NoLetter
from scheduler.services.mail.message_ends import Policy, ended, fell_through, unclear

MOST_ATTEMPTS = 20


def pass_sending_check(session: Session, letter: Letter, now: datetime) -> bool:
    """Let the letter out, or not. The caller commits before the content is sent, and sends nothing if that fails."""
    if _is_displaced(session, letter):
        return False
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        connection.execute(_visits(), {"about_message": letter.message_id}).all()
    passing = {
        "letter_id": letter.message_id,
        "token": letter.lease_token,
        "moment": now,
        "bytes": letter.encrypted,
        "its_id": letter.rfc_message_id,
        "its_date": letter.dated_at,
        "to": letter.recipient,
        "line": letter.subject[:200],
        "epoch": letter.link_epoch,
    }
    if connection.execute(_sending_check(connection.dialect.name), passing).rowcount != 1:
        return False
    if letter.invitations:
        sent = [
            {
                "its_message": letter.message_id,
                "its_visit": visit,
                "its_method": method,
                "its_sequence": sequence,
            }
            for visit, method, sequence in letter.invitations
        ]
        connection.execute(sent_invitations.record(), sent)
    return True


def _is_displaced(session: Session, letter: Letter) -> bool:
    """Tell whether a reminder is about a visit that is displaced now. Hours and closures stay as they are meanwhile."""
    visits = session.scalars(_reminded_of(), {"about_message": letter.message_id}).all()
    if not visits:
        return False
    clinic = session.get_one(Clinic, visits[0].clinic_id)
    hold_hours(session, clinic.id)
    return bool(among(session, clinic, visits))


@cache
def _reminded_of() -> Select[Appointment]:
    return (
        select(Appointment)
        .join(MessageSubject, MessageSubject.appointment_id == Appointment.id)
        .join(Message, Message.id == MessageSubject.message_id)
        .where(Message.id == bindparam("about_message"), Message.kind.in_(BEFORE_A_VISIT))
    )


@cache  # built once: half of a sending check's time would go into building the same statement
def _sending_check(dialect: str) -> Update:
    return (
        update(Message)
        .where(
            Message.id == bindparam("letter_id"),
            Message.state == MessageState.LEASED,
            Message.lease_token == bindparam("token"),
            Message.leased_until > database_clock(dialect),
            Message.data_at.is_(None),
            or_(Message.expires_at.is_(None), Message.expires_at > bindparam("moment")),
            ~exists().where(_is_stale()),
            ~exists().where(
                Patient.id == Message.patient_id,
                or_(
                    Patient.link_epoch != bindparam("epoch", type_=Integer),
                    Patient.deceased_on.is_not(None),
                    ~Patient.active,
                ),
            ),
        )
        .values(
            data_at=bindparam("moment"),
            content=bindparam("bytes"),
            rfc_message_id=bindparam("its_id"),
            dated_at=bindparam("its_date"),
            address=bindparam("to"),
            subject_line=bindparam("line"),
        )
    )


@cache
def _visits() -> Select[Any]:
    about = select(MessageSubject.appointment_id).where(
        MessageSubject.message_id == bindparam("about_message")
    )
    return (
        select(Appointment.id)
        .where(Appointment.id.in_(about))
        .order_by(Appointment.id)
        .with_for_update(read=True)
    )


def refused_by_sending_check(session: Session, letter: Letter, now: datetime) -> None:
    """End a letter that must not go: it is late, or a visit has changed. A lost lease belongs to another sender."""
    message = _owned(session, letter)
    if message is None or message.leased_until is None or message.data_at is not None:
        return
    if message.leased_until > database_time(session):
        fell_through(session, message, now)


def accepted(session: Session, letter: Letter, reply: str, now: datetime) -> None:
    """Record that the mail server took the letter.

    A lease that ran out meanwhile has perhaps put the message back for a second try: then this stops it.
    """
    if _accepted_at_once(session, letter, reply, now):
        return
    message = session.get_one(Message, letter.message_id, with_for_update=True, populate_existing=True)
    waiting = message.state in (MessageState.PENDING, MessageState.UNCERTAIN)
    if message.lease_token == letter.lease_token or (waiting and message.resends > 0):
        ended(session, message, MessageState.SENT, MessageReason.NONE, now)
        message.smtp_reply = redacted(reply)
        session.flush()


def _accepted_at_once(session: Session, letter: Letter, reply: str, now: datetime) -> bool:
    """Record the usual case in two statements: still ours, and no words to staff to wipe."""
    ours = {
        "letter_id": letter.message_id,
        "token": letter.lease_token,
        "reply": redacted(reply),
        "moment": now,
    }
    if session.connection().execute(_record(), ours).rowcount != 1:
        return False
    session.connection().execute(_record_reminders(), {"letter_id": letter.message_id})
    return True


@cache
def _record() -> Update:
    return (
        update(Message)
        .where(
            Message.id == bindparam("letter_id"),
            Message.state == MessageState.LEASED,
            Message.lease_token == bindparam("token"),
            Message.kind.not_in(TO_STAFF),
        )
        .values(
            state=MessageState.SENT,
            **reason_columns(MessageReason.NONE),
            smtp_reply=bindparam("reply"),
            ended_at=bindparam("moment"),
            content=None,
            lease_token=None,
            leased_until=None,
        )
    )


@cache
def _record_reminders() -> Update:
    return (
        update(Reminder)
        .where(Reminder.message_id == bindparam("letter_id"), Reminder.state == ReminderState.QUEUED)
        .values(state=ReminderState.SENT, **reason_columns(MessageReason.NONE))
    )


def not_sent(session: Session, nothing: NoLetter, now: datetime) -> None:
    """Record that no letter could be written; the desk sees why."""
    message = _owned(session, nothing)
    if message is None:
        return
    if not nothing.again:
        ended(session, message, MessageState.SKIPPED, nothing.reason, now, nothing.detail)
    else:
        _again(session, message, nothing.reason, now, nothing.detail)


def failed(session: Session, letter: Letter, fault: SendFault, now: datetime, policy: Policy) -> None:
    """Record a failed attempt: try again later, give up and say so, or mark an unclear end."""
    message = _owned(session, letter)
    if message is None:
        return
    message.smtp_reply = f"{fault.code} {redacted(fault.reply)}"
    if fault.verdict is Verdict.UNCLEAR:
        unclear(session, message, now, policy)
    elif fault.verdict is Verdict.BAD_ADDRESS:
        _mark_address(session, message, now)
        ended(session, message, MessageState.FAILED, MessageReason.ADDRESS_REFUSED, now, str(fault))
    elif fault.verdict is Verdict.REFUSED:
        by_content = fault.phase is DeliveryPhase.CONTENT
        reason = MessageReason.CONTENT_REFUSED if by_content else MessageReason.REFUSED
        ended(session, message, MessageState.FAILED, reason, now, str(fault))
    else:
        innocent = fault.verdict in (Verdict.CHANNEL, Verdict.PAUSE)
        _again(session, message, MessageReason.SERVER_TROUBLE, now, str(fault), costs_an_attempt=not innocent)
    session.flush()


def _again(
    session: Session,
    message: Message,
    reason: MessageReason,
    now: datetime,
    detail: str,
    *,
    costs_an_attempt: bool = True,
) -> None:
    """Put the message back: nothing has been delivered. Trouble of the server's costs it no attempt."""
    message.state, message.data_at = MessageState.PENDING, None
    message.explain(reason, detail)
    message.lease_token, message.leased_until = None, None
    if message.resends == 0:
        message.content = None  # composed again: names and texts may have changed meanwhile
    if not costs_an_attempt:
        message.attempts -= 1
        return
    message.due_at = now + backoff(message.attempts)
    over = message.expires_at is not None and message.due_at >= message.expires_at
    if over or message.attempts >= MOST_ATTEMPTS:
        ended(session, message, MessageState.FAILED, MessageReason.NOT_ACCEPTED, now, reason.words(detail))


def _mark_address(session: Session, message: Message, now: datetime) -> None:
    if message.patient_id is None or message.kind is MessageKind.ADDRESS:
        return  # an address that was only asked for, or is about to be left, says nothing about the patient's
    patient = session.get_one(Patient, message.patient_id)
    if patient.erased_at is not None:
        return
    if message.recipient == "patient":
        patient.email_bad_at = now
    notices.bounced(session, patient, now)


def _is_stale() -> Any:
    """A visit of the message is not what the message says: another version, or off (or on again, or booked).

    A change may tell of visits that are off as well; it is bound by the version alone, which that raises too.
    """
    unbooked = (MessageKind.CANCELLATION, MessageKind.BOOSTER)
    wanted = or_(
        Message.kind == MessageKind.CHANGE,
        and_(Message.kind == MessageKind.CANCELLATION, Appointment.status.not_in(LIVE)),
        and_(Message.kind == MessageKind.BOOSTER, Appointment.status == AppointmentStatus.PROPOSED),
        and_(Message.kind.not_in(unbooked), Appointment.status.in_(LIVE)),
    )
    return and_(
        MessageSubject.message_id == Message.id,
        Appointment.id == MessageSubject.appointment_id,
        or_(Appointment.schedule_version != MessageSubject.schedule_version, ~wanted),
    )


def _owned(session: Session, letter: Letter | NoLetter) -> Message | None:
    """Return the message if it is still claimed for this letter."""
    message = session.get_one(Message, letter.message_id, with_for_update=True, populate_existing=True)
    owned = message.state is MessageState.LEASED and message.lease_token == letter.lease_token
    return message if owned else None
