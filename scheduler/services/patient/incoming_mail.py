"""Mail that comes back: bounces (RFC 3464) and the answers of calendar programs (iMIP, RFC 6047).

Nothing is ever answered, so no loop can start. A bounce is known by the id in the address it comes back to, or by the
Message-ID of what it returns. A hard one (5.x.x) marks the address and puts the patient on the call list; a delay
(4.x.x) is only a delay. A calendar's answer counts when it comes from the invited address, about a visit of that
patient, in its present SEQUENCE: accepting confirms; declining asks the desk to call, and never cancels by itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from email.utils import getaddresses, parseaddr

from icalendar import Calendar, Component
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from scheduler.domain.message_reasons import MessageReason
from scheduler.domain.status import Response
from scheduler.errors import Refusal
from scheduler.models.appointment import Appointment
from scheduler.models.clinic import Clinic
from scheduler.models.message import Message, MessageKind, MessageState
from scheduler.models.patient import Patient
from scheduler.models.reminder import Reminder, ReminderState
from scheduler.services.actors import Actor
from scheduler.services.mail import notices
from scheduler.services.mail.message_ends import ended
from scheduler.services.patient import self_service
from scheduler.services.visit.changes import changing

VERP = re.compile(r"\+([0-9a-z]{16})@")
STATUS = re.compile(r"\b([245])\.\d{1,3}\.\d{1,3}\b")
LARGEST = 10_000_000
COMES_TO = ("X-Original-To", "Delivered-To", "Envelope-To", "To")
DECLINED = "Declined in the patient's calendar app."


def receive(session: Session, content: bytes, now: datetime) -> str:
    """Take in one mail and say in words what it was. Whatever it holds, it is never refused."""
    if len(content) > LARGEST:
        return "too large"
    mail = message_from_bytes(content, _class=EmailMessage, policy=default)
    if mail.get_content_type() == "multipart/report":
        return _bounce(session, mail, now)
    for part in mail.walk():
        if part.get_content_type() == "text/calendar":
            return _calendar_answer(session, mail, _bytes_of(part), now)
    return "not for us"


def _bounce(session: Session, mail: EmailMessage, now: datetime) -> str:
    status = _delivery_status(mail)
    message = _returned(session, mail)
    if status is None or message is None:
        return "a report about nothing that we sent"
    if not status.startswith("5"):
        return f"delayed: {status}"
    if message.state is not MessageState.SENT:
        return f"known: {status}"
    ended(session, message, MessageState.FAILED, MessageReason.BOUNCED, now, status)
    for reminder in session.scalars(select(Reminder).where(Reminder.message_id == message.id)):
        if reminder.state is ReminderState.SENT:
            reminder.state = ReminderState.FAILED
            reminder.explain(MessageReason.BOUNCED, status)
    of_patient = message.patient_id if message.kind is not MessageKind.ADDRESS else None
    patient = session.get(Patient, of_patient) if of_patient else None
    if patient and patient.erased_at is None:
        if message.recipient == "patient" and message.address == patient.email:
            patient.email_bad_at = now
        notices.bounced(session, patient, now)
    session.flush()
    return message.reason


def _delivery_status(mail: EmailMessage) -> str | None:
    """Return the status of the first recipient, such as 5.1.1, of an Action that says failed or delayed."""
    for part in mail.walk():
        if part.get_content_type() == "message/delivery-status":
            for block in part.iter_parts() if part.is_multipart() else ():
                found = STATUS.search(str(block.get("Status", "")))
                if found and str(block.get("Action", "failed")).strip().lower() in ("failed", "delayed"):
                    return found[0]
    return None


def _returned(session: Session, mail: EmailMessage) -> Message | None:
    """Return the message that a report is about."""
    for name in COMES_TO:
        for _, address in getaddresses([str(value) for value in mail.get_all(name, [])]):
            found = VERP.search(address)
            if found and (message := _by(session, Message.public_id == found[1])):
                return message
    for message_id in _returned_ids(mail):
        if message := _by(session, Message.rfc_message_id == message_id):
            return message
    return None


def _returned_ids(mail: EmailMessage) -> Iterator[str]:
    for part in mail.walk():
        if part.get_content_type() == "message/rfc822":
            for inner in part.iter_parts():
                yield str(inner.get("Message-ID", "")).strip()
        elif part.get_content_type() == "text/rfc822-headers":
            headers = message_from_bytes(_bytes_of(part), policy=default)
            yield str(headers.get("Message-ID", "")).strip()


def _bytes_of(part: EmailMessage) -> bytes:
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def _by(session: Session, condition: object) -> Message | None:
    return session.scalar(select(Message).where(condition).with_for_update())  # type: ignore[arg-type]


def _calendar_answer(session: Session, mail: EmailMessage, content: bytes, now: datetime) -> str:
    try:
        calendar = Calendar.from_ical(content)
        [event] = calendar.walk("VEVENT")
    except ValueError:
        return "a calendar that cannot be read"
    if str(calendar.get("METHOD", "")).upper() != "REPLY":
        return "not an answer"
    visit = _visit_of(session, mail, event)
    if visit is None:
        return "an answer about no visit of theirs"
    if int(event.get("SEQUENCE", 0)) != visit.sequence:
        return "an answer to an earlier time"
    clinic = session.get_one(Clinic, visit.clinic_id)
    actor = Actor(clinic=clinic, user=None, role=None, name="patient")
    return _take_answer(session, actor, visit, _said(event, _sender(mail)), now)


def _take_answer(session: Session, actor: Actor, visit: Appointment, said: str, now: datetime) -> str:
    if not visit.status.is_ahead:
        return "an answer about a visit that is over or off"
    if said == "ACCEPTED":
        self_service.confirm(session, actor, visit, now)
        return "accepted"
    if said != "DECLINED":
        return "no decision"
    if visit.response is not Response.DECLINED:
        with changing(session, actor, now, [visit]) as change:
            change.note(visit, "decline")
            visit.response = Response.DECLINED
        try:
            self_service.ask(session, actor, visit, now, note=DECLINED)
        except Refusal:
            return "declined, too late to ask for another time"  # the desk sees the answer on the visit
    return "declined"


def _visit_of(session: Session, mail: EmailMessage, event: Component) -> Appointment | None:
    """Return the visit that the event names, if the sender is its patient or who looks after them."""
    sender = _sender(mail)
    query = (
        select(Appointment)
        .join(Patient, Patient.id == Appointment.patient_id)
        .where(
            Appointment.uid == str(event.get("UID", "")),
            (func.lower(Patient.email) == sender) | (func.lower(Patient.proxy_email) == sender),
        )
        .with_for_update(of=Appointment, key_share=True)
    )
    return session.scalar(query) if sender else None


def _said(event: Component, sender: str) -> str:
    """Return the sender's PARTSTAT."""
    attendees = event.get("ATTENDEE", [])
    for attendee in attendees if isinstance(attendees, list) else [attendees]:
        if str(attendee).lower().removeprefix("mailto:") == sender:
            return str(attendee.params.get("PARTSTAT", "")).upper()
    return ""


def _sender(mail: EmailMessage) -> str:
    return parseaddr(str(mail.get("From", "")))[1].lower()
