"""Take in mail: failure notices, complaints, answers of calendar programs, automatic replies, and words for a person.

Each mail ends as one row in `incoming_mail`. What a program can act on is acted on; the rest is listed under Requests
until a person marks it as done. Nothing is ever answered, so no loop can start. A mail is found to be about a sent
message by the id in the address it comes back to, or by the Message-ID of what it returns or replies to.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage, MIMEPart
from email.utils import getaddresses, parseaddr
from hashlib import sha256
from itertools import chain, islice

from sqlalchemy import func, select
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.orm import Session

from scheduler.domain.text import BadText, clean_note
from scheduler.ical.texts import line
from scheduler.models import clinic as clinics
from scheduler.models.incoming_mail import IncomingMail, MailKind, is_known
from scheduler.models.message import Message
from scheduler.models.patient import Patient
from scheduler.notify import received
from scheduler.notify.failure_notices import FAILED, notice_text, read_notice, written_by_a_server
from scheduler.services.mail import notices
from scheduler.services.patient import bounces
from scheduler.services.patient.calendar_answers import AnswerOutcome, take_answers

VERP = re.compile(r"\+([0-9a-z]{16})@", re.IGNORECASE)
OUR_ID = re.compile(r"<[0-9a-z]{16}@[^<>\s]{1,100}>")
COMES_TO = ("X-Original-To", "Delivered-To", "Envelope-To", "To")
CALENDARS = ("text/calendar", "application/ics")
LONGEST = 4000
MOST_IDS = 20  # that are looked up of those in one mail
MOST_ADDRESSES = 50
MOST_CALENDARS, LARGEST_CALENDAR = 3, 100_000  # files, bytes: an answer is about one visit
UNREADABLE = "Could not be read automatically. Please read it in the mailbox."
UNMATCHED = "A mail could not be delivered; which one is not clear."
UNCLEAR_NOTICE = "Came back from a mail server, and could not be understood."
COMPLAINT = "Reported our mail as spam. Reminders by email have been stopped."
log = logging.getLogger(__name__)


class NoClinic(Exception):
    """There is no clinic yet whose mail this could be; the mail must be kept where it is."""


@dataclass(frozen=True, slots=True)
class _Row:
    """What is kept of a mail. Without a reason no person needs to read it."""

    kind: MailKind
    words: str
    reason: str = ""
    patient: Patient | None = None
    clinic_id: int | None = None
    appointment_id: int | None = None
    body: str | None = None
    wanted_at: datetime | None = None


UNREADABLE_ROW = _Row(MailKind.MESSAGE, "for a person: unreadable", UNREADABLE)


def receive(session: Session, content: bytes, now: datetime) -> str:
    """Take in one mail and say in words what it was.

    Raises NoClinic, and what the database raises, but nothing about the mail. One that cannot be parsed within bounds
    (notify/received.py) is listed as unreadable.
    """
    if not clinics.every(session):
        raise NoClinic
    key = message_key(content)
    if is_known(session, key):
        return "handled before"
    try:
        with session.begin_nested():
            return _take_in(session, content, key, now)
    except (OperationalError, InterfaceError):
        raise
    except received.Unreadable:
        log.warning("a mail is too large or too deep to be read, and is shown to the desk")
    except Exception:
        log.exception("a mail could not be read, and is shown to the desk")
    return _keep(session, UNREADABLE_ROW, *received.head(content), "", False, key, now)


def list_unreadable(session: Session, mail: str, now: datetime) -> str:
    """List a mail of which nothing can be had but what names it in its mailbox."""
    return _keep(session, UNREADABLE_ROW, "", "", "", False, sha256(mail.encode()).hexdigest(), now)


def _take_in(session: Session, content: bytes, key: str, now: datetime) -> str:
    mail = received.parse(content)
    name, address = parseaddr(str(mail.get("From", "")))
    sender, doubtful = address.lower(), _is_disowned(mail)
    row = (
        _complaint(session, mail, content, now)
        or _notice(session, mail, content, now)
        or _calendar(session, mail, sender, doubtful, now)
    )
    if row is None and _is_automatic(mail):
        row = _Row(MailKind.AUTOMATIC, "an automatic reply")
    if row is None:
        row = _message(session, mail, sender)
    shown = f"{name} <{address}>" if name else address
    return _keep(session, row, shown, str(mail.get("Subject", "")), _words(mail), doubtful, key, now)


def _complaint(session: Session, mail: EmailMessage, content: bytes, now: datetime) -> _Row | None:
    """Read a feedback report (ARF, RFC 5965)."""
    kinds = [part for part in mail.walk() if part.get_content_type() == "message/feedback-report"]
    if not kinds:
        return None
    message = _sent_message(session, mail, content)
    if message is None:
        return _Row(MailKind.COMPLAINT, "a complaint about no known mail", "Reported a mail as spam.")
    bounces.apply_complaint(session, message, now)
    return _about(session, message, _Row(MailKind.COMPLAINT, "a complaint", COMPLAINT))


def _notice(session: Session, mail: EmailMessage, content: bytes, now: datetime) -> _Row | None:
    if str(mail.get_param("report-type", "")).lower() == "disposition-notification":
        return _Row(MailKind.AUTOMATIC, "a read receipt")
    notice = read_notice(mail, content)
    if notice is None and not _is_from_a_server(mail):
        return None
    message = _sent_message(session, mail, content)
    if notice is None:
        row = _Row(MailKind.BOUNCE, "for a person: an unclear notice", UNCLEAR_NOTICE)
        return _about(session, message, row) if message else row
    if message is not None:
        return _Row(
            MailKind.BOUNCE, bounces.apply_notice(session, message, notice, now), clinic_id=message.clinic_id
        )
    if notice.action != FAILED:
        return _Row(MailKind.BOUNCE, f"{notice.action}: about no known mail")
    patient = _only(_patients(session, [address.lower() for address in notice.addresses]))
    body = notice_text(mail) or notice.diagnosis
    return _Row(MailKind.BOUNCE, "for a person: a failure of no known mail", UNMATCHED, patient, body=body)


def _calendar(
    session: Session, mail: EmailMessage, sender: str, doubtful: bool, now: datetime
) -> _Row | None:
    contents = [_bytes_of(part) for part in islice(filter(_is_calendar, mail.walk()), MOST_CALENDARS)]
    contents = [one for one in contents if len(one) <= LARGEST_CALENDAR]
    found = take_answers(session, contents, sender, doubtful, now) if contents else []
    if not found:
        return None
    for_person: list[AnswerOutcome] = [one for one in found if one.reason]
    words = "; ".join(dict.fromkeys(one.words for one in found))
    first = next((one for one in for_person if one.visit), for_person[0] if for_person else found[0])
    visit = first.visit
    return _Row(
        MailKind.ANSWER,
        words,
        " ".join(dict.fromkeys(one.reason for one in for_person))[:200],
        visit.patient if visit else _only(_patients(session, [sender])),
        visit.clinic_id if visit else None,
        visit.id if visit else None,
        " ".join(filter(None, (one.comment for one in for_person))) or None,
        first.wanted_at,
    )


def _message(session: Session, mail: EmailMessage, sender: str) -> _Row:
    found = _patients(session, [sender])
    clinic_id = found[0].clinic_id if found else _addressed(session, mail)
    row = _Row(MailKind.MESSAGE, "for a person", "Wrote an email.", _only(found), clinic_id)
    message = _replied_to(session, mail)
    return _about(session, message, row) if message and row.patient is None else row


def _addressed(session: Session, mail: EmailMessage) -> int | None:
    """Return the clinic whose key is in the address that the mail came to: desk+harbor@example.org."""
    values = [str(value) for name in COMES_TO for value in mail.get_all(name, [])]
    tags = {address.partition("@")[0].partition("+")[2].lower() for _, address in getaddresses(values)}
    return next((one.id for one in clinics.every(session) if one.key.lower() in tags), None)


def _about(session: Session, message: Message, row: _Row) -> _Row:
    """Return the row with the patient and the only visit of a message that was sent."""
    patient = session.get(Patient, message.patient_id) if message.patient_id else None
    only = message.subjects[0].appointment_id if len(message.subjects) == 1 else None
    return _Row(row.kind, row.words, row.reason, patient, message.clinic_id, only, row.body)


def _keep(
    session: Session,
    row: _Row,
    sender: str,
    subject: str,
    words: str,
    doubtful: bool,
    key: str,
    now: datetime,
) -> str:
    clinic_id = row.clinic_id or (row.patient.clinic_id if row.patient else clinics.every(session)[0].id)
    kept = IncomingMail(clinic_id=clinic_id, kind=row.kind, message_key=key, received_at=now)
    if row.reason:
        patient = row.patient if row.patient and row.patient.erased_at is None else None
        kept.patient_id = patient.id if patient else None
        kept.appointment_id = row.appointment_id
        kept.sender, kept.subject = line(sender)[:254], line(subject)[:200]
        kept.body = _clean(words if row.body is None else row.body)
        kept.reason, kept.doubtful, kept.wanted_at = row.reason, doubtful, row.wanted_at
        if patient is not None:
            notices.wrote(session, patient, now)
    else:
        kept.done_at = now
    session.add(kept)
    session.flush()
    return row.words


def message_key(content: bytes) -> str:
    """Return what a mail is known by: a digest of its Message-ID and of what stands below the headers."""
    head, _, body = content.replace(b"\r\n", b"\n").partition(b"\n\n")
    found = re.search(rb"^message-id:\s*(\S+)", head, re.IGNORECASE | re.MULTILINE)
    return sha256((found[1] if found else head) + b"\n" + body.strip()).hexdigest()


def _sent_message(session: Session, mail: EmailMessage, content: bytes) -> Message | None:
    """Return the message that a server's report is about."""
    text = content[: received.LARGEST].decode("utf-8", "replace")
    came_to = " ".join(str(value) for name in COMES_TO for value in mail.get_all(name, []))
    found = (
        *(Message.public_id == one.lower() for one in _first(VERP, came_to)),
        *(Message.rfc_message_id == one for one in _first(OUR_ID, text)),
        *(Message.public_id == one.lower() for one in _first(VERP, text)),
    )
    return next(filter(None, (_by(session, condition) for condition in found)), None)


def _first(pattern: re.Pattern[str], text: str) -> list[str]:
    """Return the first few different finds; a mail may hold any number of them."""
    seen: dict[str, None] = {}
    for one in pattern.findall(text):
        seen[one] = None
        if len(seen) == MOST_IDS:
            break
    return list(seen)


def _replied_to(session: Session, mail: EmailMessage) -> Message | None:
    ids = chain.from_iterable(str(mail.get(name, "")).split() for name in ("In-Reply-To", "References"))
    found = (_by(session, Message.rfc_message_id == one) for one in islice(dict.fromkeys(ids), MOST_IDS))
    return next(filter(None, found), None)


def _by(session: Session, condition: object) -> Message | None:
    return session.scalar(select(Message).where(condition).with_for_update())  # type: ignore[arg-type]


def _patients(session: Session, addresses: Sequence[str]) -> list[Patient]:
    """Return the patients with one of these addresses, with or without a +tag, or whose proxy has it."""
    few = list(addresses)[:MOST_ADDRESSES]
    wanted = {one for address in few for one in (address, re.sub(r"\+[^@]*@", "@", address)) if one}
    query = select(Patient).where(
        func.lower(Patient.email).in_(wanted) | func.lower(Patient.proxy_email).in_(wanted),
        Patient.erased_at.is_(None),
        Patient.merged_into_id.is_(None),
    )
    return list(session.scalars(query.order_by(Patient.id))) if wanted else []


def _only(patients: list[Patient]) -> Patient | None:
    return patients[0] if len(patients) == 1 else None


def _is_disowned(mail: EmailMessage) -> bool:
    results = " ".join(str(value) for value in mail.get_all("Authentication-Results", []))
    return re.search(r"\bdmarc\s*=\s*fail", results, re.IGNORECASE) is not None


def _is_from_a_server(mail: EmailMessage) -> bool:
    is_reply = str(mail.get("Auto-Submitted", "no")).lower().startswith("auto-replied")
    address = parseaddr(str(mail.get("From", "")))[1].lower()
    return written_by_a_server(mail) and (not is_reply or address.startswith(("mailer-daemon", "postmaster")))


def _is_automatic(mail: EmailMessage) -> bool:
    submitted = str(mail.get("Auto-Submitted", "no")).partition(";")[0].strip().lower()
    bulk = str(mail.get("Precedence", "")).strip().lower() in ("auto_reply", "bulk", "junk", "list")
    return (
        submitted not in ("no", "") or bulk or any(name in mail for name in ("X-Autoreply", "X-Autorespond"))
    )


def _is_calendar(part: EmailMessage) -> bool:
    return part.get_content_type() in CALENDARS or (part.get_filename() or "").lower().endswith(".ics")


def _bytes_of(part: MIMEPart) -> bytes:
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def _words(mail: EmailMessage) -> str:
    """Return what the sender wrote, without what they quote, and the names of what is attached."""
    body = mail.get_body(preferencelist=("plain", "html"))
    text = received.text_of(body) if body is not None else ""
    lines = [one.rstrip() for one in text.splitlines() if not one.startswith(">")]
    attached = [f"[Attached: {name}]" for name in _attached(mail)]
    return "\n".join([*lines, *attached])


def _attached(mail: EmailMessage) -> Iterator[str]:
    for part in mail.walk():
        name = part.get_filename()
        if name and not _is_calendar(part):
            yield line(name)


def _clean(text: str) -> str:
    lines = [line(one) for one in text.splitlines()]
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(lines))[:LONGEST]
    try:
        return clean_note("body", text, LONGEST)
    except BadText:  # a character that lines of a calendar may hold and names may not
        return clean_note("body", text.encode("ascii", "replace").decode(), LONGEST)
