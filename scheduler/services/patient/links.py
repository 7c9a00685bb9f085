"""Private page links: what stands in a mail instead of details, and opens without a sign-in.

A token is an HMAC-SHA-256 (256 bits) over the message or patient, the purpose and the schedule version, with the id of
the key that made it. So a resend renders the same link, nothing needs to be stored, and a former key (fallback) still
opens what it signed. The page of a message stays readable until its last visit's end + 2 days; an old link shows the
present state. The keys come from the door: the first signs, all verify.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy import select
from sqlalchemy.orm import Session

from scheduler.domain.status import LIVE
from scheduler.models.appointment import Appointment
from scheduler.models.message import Message, MessageSubject
from scheduler.models.patient import Patient, surviving

VISITS = "visits"
UNSUBSCRIBE = "unsubscribe"
READABLE = timedelta(days=2)
LONGEST = 200
KEY_ID, MAC = 4, 32


@dataclass(frozen=True)
class PageToken:
    """What a token says: a message or a patient (`thing`, `public_id`), what for, in which version (0: any)."""

    thing: str
    public_id: str
    purpose: str
    version: int = 0

    def payload(self) -> bytes:
        return "|".join((self.thing, self.public_id, self.purpose, str(self.version))).encode()


@dataclass(frozen=True)
class PrivatePage:
    """What a good token opens: the patient's visits (those of the message, or all that are ahead).

    `versions` holds, by appointment id, the schedule version that the link was made for. `closed` means that its time
    is over.
    """

    token: PageToken
    patient: Patient
    message: Message | None
    appointments: tuple[Appointment, ...]
    versions: dict[int, int]
    closed: bool


def page_token(keys: Sequence[str], thing: Message | Patient, purpose: str, version: int = 0) -> str:
    """Return the token of a message's or a patient's page; the same thing gives the same token."""
    token = PageToken(type(thing).__name__.lower(), thing.public_id, purpose, version)
    return _signed(keys[0], token)


def read_page_token(keys: Sequence[str], text: str) -> PageToken | None:
    """Return what a token says, or None for anything that no key of ours has signed."""
    if not text.isascii() or len(text) > LONGEST:
        return None
    try:
        raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
        thing, public_id, purpose, version = raw[KEY_ID + MAC :].decode().split("|")
        token = PageToken(thing, public_id, purpose, int(version))
    except (NotBase64, ValueError):
        return None
    expected = (_signed(key, token) for key in keys)
    return token if any([hmac.compare_digest(text, one) for one in expected]) else None  # noqa: C419  (no short cut)


def page_url(public_url: str, token: str) -> str:
    return f"{public_url}/visits/{token}"


def unsubscribe_url(public_url: str, token: str) -> str:
    return f"{public_url}/visits/{token}/unsubscription"


def open_page(session: Session, keys: Sequence[str], text: str, now: datetime) -> PrivatePage | None:
    """Return the page behind a token, None when there is none. Reads only."""
    token = read_page_token(keys, text)
    if token is None or token.thing not in ("message", "patient"):
        return None
    message = None
    if token.thing == "message":
        message = session.scalar(select(Message).where(Message.public_id == token.public_id))
        patient = session.get(Patient, message.patient_id) if message and message.patient_id else None
    else:
        patient = session.scalar(select(Patient).where(Patient.public_id == token.public_id))
    if patient is None:
        return None
    patient = surviving(session, patient)
    versions = _versions(session, message) if message else {}
    about = _appointments(session, patient, versions, now)
    return PrivatePage(token, patient, message, about, versions, _is_closed(message, about, now))


def _versions(session: Session, message: Message) -> dict[int, int]:
    query = select(MessageSubject).where(MessageSubject.message_id == message.id)
    return {subject.appointment_id: subject.schedule_version for subject in session.scalars(query)}


def _appointments(
    session: Session, patient: Patient, versions: dict[int, int], now: datetime
) -> tuple[Appointment, ...]:
    query = select(Appointment).where(Appointment.patient_id == patient.id)
    if versions:
        query = query.where(Appointment.id.in_(versions))
    else:
        query = query.where(Appointment.end_at > now, Appointment.status.in_(LIVE), Appointment.visible)
    return tuple(session.scalars(query.order_by(Appointment.start_at, Appointment.id)))


def _is_closed(message: Message | None, about: tuple[Appointment, ...], now: datetime) -> bool:
    ends = [appointment.end_at for appointment in about]
    if message is not None:
        ends.append(message.created_at)
    return bool(ends) and now > max(ends) + READABLE


def _signed(key: str, token: PageToken) -> str:
    payload = token.payload()
    mac = hmac.digest(_derived(key, b"private page"), payload, sha256)
    return urlsafe_b64encode(_derived(key, b"key id")[:KEY_ID] + mac + payload).decode().rstrip("=")


def _derived(key: str, use: bytes) -> bytes:
    return hmac.digest(key.encode(), use, sha256)
