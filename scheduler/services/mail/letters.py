"""From a message row to the letter that is sent: the patient's language, the visits as they stand, the private link.

Composed after the claim and before the sending check, outside any writing transaction; the check then makes sure that
the visits are still those that were composed. Without the recorded consent to unencrypted mail (`email_ok`) a letter
says only that there is a message. It names no drug, diagnosis, speciality, protocol or kind of visit: none is read
here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from email.utils import parseaddr
from functools import cache

from sqlalchemy import Select, bindparam, select
from sqlalchemy.orm import Session, joinedload

from scheduler.domain.message_kinds import REMINDING, TO_STAFF
from scheduler.domain.message_reasons import MessageReason
from scheduler.ical.texts import line
from scheduler.models import site as sites
from scheduler.models.appointment import Appointment, common_site
from scheduler.models.clinic import Clinic
from scheduler.models.message import Message, MessageKind, MessageState, MessageSubject
from scheduler.models.open_requirements import is_missing
from scheduler.models.patient import Patient
from scheduler.models.site import contact_of
from scheduler.models.user import User
from scheduler.models.visit_answer import check_in_of
from scheduler.notify.layout import Paragraph, as_html, as_text, blocks
from scheduler.notify.mail import Mail, as_bytes, message_id
from scheduler.notify.texts import PROXY, filled, text_of
from scheduler.notify.words import Tongue, tongue
from scheduler.services.encryption import WrongKey, decrypt, decrypt_values, encrypt
from scheduler.services.mail.calendar_objects import (
    ADD_TO_CALENDAR,
    Addressed,
    CalendarObjects,
    SentObject,
    calendar_objects,
)
from scheduler.services.mail.letter_words import (
    PREPARING,
    held_words,
    named_to_proxy,
    names_places,
    preparation,
    proposed_lines,
    proposed_times,
    visit_line,
    words_for,
)
from scheduler.services.mail.reminders import shares_address
from scheduler.services.mail.requirement_mails import TOPICS
from scheduler.services.private_links import (
    ADDRESS,
    UNSUBSCRIBE,
    VISITS,
    address_url,
    calendar_url,
    check_in_url,
    page_token,
    page_url,
    unsubscribe_url,
)

ADDRESS_CONFIRM, ADDRESS_NOTICE = "address-confirm", "address-notice"
NEW, FORMER = "new", "former"  # recipients of mail about a change of address
FOOTER = {
    "en": "Email isn't secure. Please don't reply with personal information.",
    "es": "El correo electrónico no es seguro. Por favor, no responda con información personal.",
}


@dataclass(frozen=True)
class Letterhead:
    """What every letter needs of the settings: the public address, the keys of the links, the sender."""

    public_url: str
    keys: tuple[str, ...]
    mail_from: str
    bounces_to: str | None = None  # the mailbox that is read for bounces, if there is one
    sign: Callable[[bytes], bytes] = bytes  # adds a signature (DKIM) where no relay does


@dataclass(frozen=True)
class Letter:
    """A composed mail and the claim it belongs to. `encrypted` is the content as the database keeps it meanwhile."""

    message_id: int
    lease_token: str
    recipient: str
    envelope_sender: str
    subject: str
    content: bytes
    encrypted: bytes
    rfc_message_id: str
    dated_at: datetime
    link_epoch: int | None  # that its links carry; None: it leaves with any epoch
    invitations: tuple[SentObject, ...] = ()  # in its content, to be kept when it passes the sending check


@dataclass(frozen=True)
class NoLetter:
    """Why nothing is sent; the desk must tell the patient in another way."""

    message_id: int
    lease_token: str
    reason: MessageReason
    detail: str = ""
    again: bool = False  # the fault is ours: try again later


@dataclass(frozen=True)
class Reader:
    """Who reads the letter."""

    address: str
    first_name: str
    language: str
    in_the_open: bool  # may the letter say when


def compose(session: Session, message: Message, head: Letterhead, now: datetime) -> Letter | NoLetter:
    """Return the letter of a claimed message. One that was sent before with an unclear end gives the same bytes."""
    token = message.lease_token or ""
    patient = session.get_one(Patient, message.patient_id) if message.patient_id else None
    reader = _reader(session, message, patient)
    if isinstance(reader, MessageReason):
        return NoLetter(message.id, token, reader)
    if _has_nothing_to_ask(session, message):
        return NoLetter(message.id, token, MessageReason.NOTHING_MISSING)
    mail, objects = _mail(session, message, patient, reader, head, now)
    stored = _stored(message, head)
    content = stored or head.sign(as_bytes(mail))
    return Letter(
        message_id=message.id,
        lease_token=token,
        recipient=message.address if stored and message.address else reader.address,
        envelope_sender=_envelope_sender(message, head),
        subject=mail.subject,
        content=content,
        encrypted=encrypt(head.keys, content),
        rfc_message_id=mail.message_id,
        dated_at=mail.dated_at,
        link_epoch=patient.link_epoch if patient and message.kind is not MessageKind.ADDRESS else None,
        invitations=() if stored else objects.sent,
    )


def _stored(message: Message, head: Letterhead) -> bytes | None:
    """Return the bytes of an earlier try; None when there was none, or the key that encrypted them is gone."""
    if message.content is None:
        return None
    try:
        return decrypt(head.keys, message.content)
    except WrongKey:
        return None


@dataclass(frozen=True)
class MessageBatch:
    """Messages to compose, with what they need read in a few queries; it keeps the rows alive meanwhile."""

    messages: Sequence[Message]
    about: Sequence[Appointment]
    patients: Sequence[Patient]
    clinics: Sequence[Clinic]


def text_name(session: Session, message: Message) -> str:
    """Return the name of the text that a message is made of, as its visits are now."""
    patient = session.get(Patient, message.patient_id) if message.patient_id else None
    in_the_open = patient is not None and patient.email_ok
    return words_for(session, message, _appointments(session, message), in_the_open=in_the_open)


def read_batch(session: Session, ids: Sequence[int]) -> MessageBatch:
    """Read messages in the order of their ids, with their visits and patients."""
    if not ids:
        return MessageBatch([], [], [], [])
    found = session.execute(_messages(), {"ids": list(ids)}).unique().all()
    by_id = {message.id: message for message, _, _ in found}
    visit_ids = {subject.appointment_id for one in by_id.values() for subject in one.subjects}
    about = session.scalars(_visits(), {"ids": list(visit_ids)}).all() if visit_ids else []
    patients = [patient for _, patient, _ in found if patient]
    return MessageBatch(
        [by_id[one] for one in ids if one in by_id], about, patients, [row[2] for row in found]
    )


@cache  # built once, as the one below: asked for every batch
def _messages() -> Select[Message, Patient | None, Clinic]:
    return (
        select(Message, Patient, Clinic)
        .outerjoin(Patient, Message.patient_id == Patient.id)
        .join(Clinic, Message.clinic_id == Clinic.id)
        .where(Message.id.in_(bindparam("ids", expanding=True)))
        .options(joinedload(Message.subjects))
    )


@cache
def _visits() -> Select[Appointment]:
    return select(Appointment).where(Appointment.id.in_(bindparam("ids", expanding=True)))


def not_notified(patient: Patient) -> MessageReason | None:
    """Return why nothing at all is sent to this patient, None when it may be."""
    if patient.may_be_notified:
        return None
    return MessageReason.DECEASED if patient.deceased_on else MessageReason.LEFT


def no_letter_to(patient: Patient, recipient: str, reminding: bool) -> MessageReason | None:
    """Return why this person cannot be written to, None when they can."""
    if why := not_notified(patient):
        return why
    address = patient.proxy_email if recipient == "proxy" else patient.email
    if not address:
        return MessageReason.NO_ADDRESS
    if recipient == "patient" and patient.email_bad_at:
        return MessageReason.BAD_ADDRESS
    if recipient == "proxy" and shares_address(patient):
        return MessageReason.SAME_ADDRESS
    return MessageReason.OPTED_OUT if reminding and patient.unsubscribed_at else None


def _reader(session: Session, message: Message, patient: Patient | None) -> Reader | MessageReason:
    if message.kind in TO_STAFF:
        user = session.get(User, message.user_id) if message.user_id else None
        return Reader(user.email, user.name, "en", in_the_open=True) if user else MessageReason.NO_ADDRESS
    if patient is None:
        raise ValueError(f"a {message.kind} is for a patient, and names none")
    if message.kind is MessageKind.ADDRESS:
        if why := not_notified(patient):
            return why
        address = str(message.values.get("to", ""))
        return (
            Reader(address, "", patient.language, patient.email_ok) if address else MessageReason.NO_ADDRESS
        )
    if why := no_letter_to(patient, message.recipient, message.kind in REMINDING):
        return why
    if message.recipient == "proxy":
        return Reader(patient.proxy_email or "", patient.proxy_name, patient.language, patient.email_ok)
    return Reader(patient.email or "", patient.called, patient.language, patient.email_ok)


def _has_nothing_to_ask(session: Session, message: Message) -> bool:
    about = _appointments(session, message)
    if message.kind is MessageKind.CHECK_IN:
        return bool(about) and check_in_of(session, about[-1]) is not None
    topic = TOPICS.get(message.kind)
    return topic is not None and not any(is_missing(one, topic) for one in about)


def _mail(
    session: Session,
    message: Message,
    patient: Patient | None,
    reader: Reader,
    head: Letterhead,
    now: datetime,
) -> tuple[Mail, CalendarObjects]:
    clinic = session.get_one(Clinic, message.clinic_id)
    speech = tongue(reader.language, clinic.zone, clinic.formats)
    about = _appointments(session, message)
    kind = words_for(session, message, about, in_the_open=reader.in_the_open)
    words = text_of(kind, speech.language, clinic.settings.mail_texts)
    sender = _sender(clinic, reader, head)
    objects = CalendarObjects()
    if patient is not None and reader.in_the_open:
        to = Addressed(sender, reader.address, speech.language, head.bounces_to is not None)
        objects = calendar_objects(session, clinic, patient, message, about, to, now)
    values = _values(session, message, patient, clinic, reader, about, speech, head, now)
    values["calendar_note"] = objects.note
    if message.recipient == "proxy" and patient is not None:
        values["patient"] = named_to_proxy(patient, clinic, speech.language)
    places = names_places(message, about)
    visits = proposed_lines(clinic, message, speech) or [
        visit_line(clinic, message, one, speech, with_place=places) for one in about
    ]
    if clinic.settings.reminder_preparation and reader.in_the_open and kind.removeprefix(PROXY) in PREPARING:
        visits = [
            replace(one, steps=preparation(visit, speech)) for one, visit in zip(visits, about, strict=True)
        ]
    subject = filled(words.subject_many if len(visits) > 1 else words.subject, values)
    feed = Paragraph(ADD_TO_CALENDAR[speech.language], calendar_url(values["link"]))
    found = blocks(words.paragraphs, values, visits, [feed] if objects.offers_feed else [])
    footer = FOOTER[speech.language]
    mail = Mail(
        sender=sender,
        recipient=reader.address,
        subject=subject,
        text=as_text(found, footer, speech.language),
        html=as_html(found, footer, subject, speech.language),
        dated_at=(message.dated_at or now).replace(microsecond=0),
        message_id=message_id(message.public_id, head.mail_from),
        reply_to=head.bounces_to or "",
        calendars=objects.parts,
        more_headers=_more_headers(session, message, patient, head),
    )
    return mail, objects


def _sender(clinic: Clinic, reader: Reader, head: Letterhead) -> str:
    """Return From: the clinic's name before the address that all clinics share.

    A patient who has not agreed to plain mail gets no name of the clinic but the discreet one.
    """
    installed, address = parseaddr(head.mail_from)
    name = clinic.settings.mail_name or (clinic.name if reader.in_the_open else installed)
    quoted = line(name).replace("\\", "").replace('"', "'")
    return f'"{quoted}" <{address}>' if quoted else address


def _appointments(session: Session, message: Message) -> list[Appointment]:
    found = [session.get_one(Appointment, subject.appointment_id) for subject in message.subjects]
    return sorted(found, key=lambda appointment: (appointment.start_at, appointment.id))


def _values(
    session: Session,
    message: Message,
    patient: Patient | None,
    clinic: Clinic,
    reader: Reader,
    about: Sequence[Appointment],
    speech: Tongue,
    head: Letterhead,
    now: datetime,
) -> dict[str, str]:
    proposed = proposed_times(message)
    starts = [start for start, _ in proposed] or [one.start_at for one in about]
    first = starts[0] if starts else now
    version = message.subjects[0].schedule_version if len(message.subjects) == 1 else 0
    epoch = patient.link_epoch if patient else 0
    proposed_at = message.values.get("site")
    site = sites.by_public_id(session, clinic.id, proposed_at) if proposed_at else common_site(about)
    contact = contact_of(clinic, site)
    values = {
        "first_name": reader.first_name,
        "clinic": clinic.settings.mail_name or clinic.name,
        "phone": contact.phone,
        "address": contact.address,
        "link": page_url(head.public_url, page_token(head.keys, message, VISITS, version, epoch)),
        "date": speech.day(first),
        "time": speech.time(first),
        "zone": speech.zone_of(first),
        "count": str(len(starts)),
    }
    if message.kind is MessageKind.CHECK_IN and about:
        values["link"] = check_in_url(values["link"], about[-1])
    if message.kind is MessageKind.ADDRESS:
        token = page_token(head.keys, message, ADDRESS, epoch=epoch)
        values["link"] = address_url(head.public_url, token)
        values["new_address"] = str(message.values["new_address"])
        values["clinic"] = values["clinic"] if reader.in_the_open else ""
    if message.kind in (MessageKind.PROPOSAL, MessageKind.OFFER):
        values["held"] = held_words(message, speech)
    if message.kind in TO_STAFF:
        values["link"] = head.public_url + str(message.values.get("path", "/"))
        values["lines"] = str(message.values.get("lines", ""))
    secret = decrypt_values(head.keys, message.values.get("secret", {}))
    return {**values, **{name: str(value) for name, value in secret.items()}}


def _more_headers(
    session: Session, message: Message, patient: Patient | None, head: Letterhead
) -> dict[str, str]:
    """Return the thread that the mail belongs to, and on reminders the way to stop them (RFC 8058)."""
    headers = {}
    if first := _first_mail(session, message, head):
        headers["In-Reply-To"] = headers["References"] = first
    if message.kind in REMINDING and patient is not None:
        token = page_token(head.keys, message, UNSUBSCRIBE, epoch=patient.link_epoch)
        headers["List-Unsubscribe"] = f"<{unsubscribe_url(head.public_url, token)}>"
        headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    return headers


def _first_mail(session: Session, message: Message, head: Letterhead) -> str | None:
    """Return the Message-ID of the first mail to this person about the first of these visits.

    One that is being sent counts: it has its Message-ID already, or gets the one that its row gives it.
    """
    if not message.subjects:
        return None
    first = {
        "visit": message.subjects[0].appointment_id,
        "reader": message.recipient,
        "itself": message.id,
        "created": message.created_at,
    }
    row = session.connection().execute(_first_mail_of_a_visit(), first).first()
    return (row[0] or message_id(row[1], head.mail_from)) if row else None


@cache  # built once, asked for every mail
def _first_mail_of_a_visit() -> Select[str | None, str]:
    return (
        select(Message.rfc_message_id, Message.public_id)
        .join(MessageSubject, MessageSubject.message_id == Message.id)
        .where(
            MessageSubject.appointment_id == bindparam("visit"),
            Message.recipient == bindparam("reader"),
            Message.state.in_((MessageState.SENT, MessageState.UNCERTAIN, MessageState.LEASED)),
            Message.id != bindparam("itself"),
            Message.created_at <= bindparam("created"),
        )
        .order_by(Message.created_at, Message.id)
        .limit(1)
    )


def _envelope_sender(message: Message, head: Letterhead) -> str:
    """Return the address that bounces come back to, with the message's id in it (VERP) where a mailbox is read."""
    address = head.bounces_to or head.mail_from
    plain = address.rpartition("<")[2].rstrip(">").strip()
    if head.bounces_to is None:
        return plain
    local, _, domain = plain.rpartition("@")
    return f"{local}+{message.public_id}@{domain}"
