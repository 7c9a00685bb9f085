"""Private page links: what stands in a mail instead of details, and opens without a sign-in.

A token is an HMAC-SHA-256 (256 bits) over the message, the purpose, the schedule version and the patient's link epoch,
with the id of the key that made it. So a resend renders the same link, nothing needs to be stored, and a former key
(fallback) still opens what it signed. The page of a message stays readable until its last visit's end + 2 days; an old
link shows the present state. The keys come from the interface: the first signs, all verify.

Raising a patient's link epoch ends every link that was sent before. The desk raises it by changing an address or by
hand; a merge and an erasure raise it as well. The patient's calendar links end too, unless the patient confirmed a new
address.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from scheduler.domain.status import LIVE
from scheduler.models.appointment import Appointment
from scheduler.models.calendar_feed import CalendarFeed
from scheduler.models.message import Message, MessageState, MessageSubject
from scheduler.models.patient import Patient, surviving
from scheduler.services.actors import Actor
from scheduler.services.feed import feeds
from scheduler.services.trail import audit

MESSAGE = "message"
VISITS = "visits"
UNSUBSCRIBE = "unsubscribe"
ADDRESS = "address"
READABLE = timedelta(days=2)
LONGEST = 200
KEY_ID, MAC = 4, 32


@dataclass(frozen=True)
class PageToken:
    """What a token says: a message, what for, in which version (0: any), under which link epoch of the patient."""

    message_id: str
    purpose: str
    version: int = 0
    epoch: int = 0

    def payload(self) -> bytes:
        """Return what is signed. Epoch 0 is left out: links from before there were epochs have that form."""
        parts = (MESSAGE, self.message_id, self.purpose, str(self.version))
        return "|".join((*parts, str(self.epoch)) if self.epoch else parts).encode()


class Closed(StrEnum):
    """Why a page that a link was made for is not shown: its time is over, or the link was ended."""

    OVER = "over"
    ENDED = "ended"


@dataclass(frozen=True)
class PrivatePage:
    """What a good token opens: the patient's visits (those of the message, or all that are ahead).

    `versions` holds, by appointment id, the schedule version that the link was made for.
    """

    token: PageToken
    patient: Patient
    message: Message
    appointments: tuple[Appointment, ...]
    versions: dict[int, int]
    closed: Closed | None


def page_token(keys: Sequence[str], message: Message, purpose: str, version: int = 0, epoch: int = 0) -> str:
    """Return the token of a message's page; the same values give the same token.

    `epoch` is the link epoch of the message's patient: a token of another epoch opens nothing.
    """
    return _signed(keys[0], PageToken(message.public_id, purpose, version, epoch))


def read_page_token(keys: Sequence[str], text: str) -> PageToken | None:
    """Return what a token says, or None for anything that no key of ours has signed."""
    if not text.isascii() or len(text) > LONGEST:
        return None
    try:
        raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
        thing, message_id, purpose, version, *epoch = raw[KEY_ID + MAC :].decode().split("|")
        token = PageToken(message_id, purpose, int(version), *map(int, epoch[:1]))
    except (NotBase64, ValueError):
        return None
    if thing != MESSAGE:
        return None
    expected = (_signed(key, token) for key in keys)
    return token if any([hmac.compare_digest(text, one) for one in expected]) else None  # noqa: C419  (no short cut)


def page_url(public_url: str, token: str) -> str:
    return f"{public_url}/visits/{token}"


def address_url(public_url: str, token: str) -> str:
    return f"{public_url}/visits/{token}/address"


def calendar_url(page: str) -> str:
    """Return where the holder of a page's address subscribes to the calendar."""
    return f"{page}/calendar"


def check_in_url(page: str, appointment: Appointment) -> str:
    """Return where the holder of a page's address says how they are after a visit."""
    return f"{page}/appointments/{appointment.public_id}/check-in"


def unsubscribe_url(public_url: str, token: str) -> str:
    return f"{public_url}/visits/{token}/unsubscription"


def open_page(
    session: Session, keys: Sequence[str], text: str, now: datetime, *, for_update: bool = False
) -> PrivatePage | None:
    """Return the page behind a token, None when there is none. Reads only.

    `for_update` locks the patient's row first, so that nothing is written by a link that is being ended.
    """
    token = read_page_token(keys, text)
    if token is None:
        return None
    message = session.scalar(select(Message).where(Message.public_id == token.message_id))
    patient = session.get(Patient, message.patient_id) if message and message.patient_id else None
    if message is None or patient is None:
        return None
    patient = surviving(session, patient)
    if for_update:
        _lock(session, patient)
    versions = _versions(session, message)
    about = _appointments(session, patient, message, versions, now)
    return PrivatePage(
        token, patient, message, about, versions, _why_closed(token, patient, message, about, now)
    )


def end_all(session: Session, actor: Actor, patient: Patient, now: datetime) -> None:
    """End every private link and every calendar link of a patient."""
    _raise_epoch(session, patient)
    for feed in feeds.of_resource(session, patient.clinic_id, patient.resource_id):
        feeds.revoke(session, actor, feed, now)
    audit.record(session, actor, "private-links.ended", patient, now)
    session.flush()


def end_sent(session: Session, patient: Patient) -> None:
    """End every private link that was sent so far; calendar links that are in force stay."""
    _raise_epoch(session, patient)
    theirs = (CalendarFeed.clinic_id == patient.clinic_id, CalendarFeed.resource_id == patient.resource_id)
    session.execute(
        update(CalendarFeed)
        .where(*theirs, CalendarFeed.link_epoch == patient.link_epoch - 1)
        .values(link_epoch=patient.link_epoch)
        .execution_options(synchronize_session="fetch")
    )


def note_opening(session: Session, actor: Actor, page: PrivatePage, now: datetime) -> None:
    """Record in the audit trail that a link was opened, once per link and clinic-local day."""
    today = now.astimezone(actor.clinic.zone).date()
    unseen = or_(Message.opened_on.is_(None), Message.opened_on != today)
    statement = update(Message).where(Message.id == page.message.id, unseen).values(opened_on=today)
    if session.connection().execute(statement).rowcount == 1:
        audit.record(session, actor, "private-link.viewed", page.message, now, [page.token.purpose])
        session.flush()


def _raise_epoch(session: Session, patient: Patient) -> None:
    """Raise the epoch. A message that waits for a second try is composed again, with a link that opens."""
    _lock(session, patient)
    patient.link_epoch += 1
    session.flush()
    waiting = (MessageState.PENDING, MessageState.UNCERTAIN)
    session.execute(
        update(Message)
        .where(Message.patient_id == patient.id, Message.state.in_(waiting))
        .values(content=None)
        .execution_options(synchronize_session="fetch")
    )


def _lock(session: Session, patient: Patient) -> None:
    """Lock the patient's row and read it again; bookings that refer to it need not wait."""
    session.flush()  # refreshing drops what was changed and is not written
    session.refresh(patient, with_for_update={"key_share": True})


def _versions(session: Session, message: Message) -> dict[int, int]:
    query = select(MessageSubject).where(MessageSubject.message_id == message.id)
    return {subject.appointment_id: subject.schedule_version for subject in session.scalars(query)}


def _appointments(
    session: Session, patient: Patient, message: Message, versions: dict[int, int], now: datetime
) -> tuple[Appointment, ...]:
    """Return the visits that the message is about. One about no visit is about those ahead when it was written."""
    query = select(Appointment).where(Appointment.patient_id == patient.id)
    if versions:
        query = query.where(Appointment.id.in_(versions))
    else:
        ahead = (Appointment.end_at > now, Appointment.status.in_(LIVE), Appointment.visible)
        query = query.where(*ahead, Appointment.created_at <= message.created_at)
    return tuple(session.scalars(query.order_by(Appointment.start_at, Appointment.id)))


def _why_closed(
    token: PageToken, patient: Patient, message: Message, about: tuple[Appointment, ...], now: datetime
) -> Closed | None:
    if token.epoch != patient.link_epoch or patient.erased_at is not None or not patient.may_be_notified:
        return Closed.ENDED
    # a link to confirm an address has nothing to do with how long the visits go on
    ends = [] if token.purpose == ADDRESS else [appointment.end_at for appointment in about]
    return Closed.OVER if now > max([*ends, message.created_at]) + READABLE else None


def _signed(key: str, token: PageToken) -> str:
    payload = token.payload()
    mac = hmac.digest(_derived(key, b"private page"), payload, sha256)
    return urlsafe_b64encode(_derived(key, b"key id")[:KEY_ID] + mac + payload).decode().rstrip("=")


def _derived(key: str, use: bytes) -> bytes:
    return hmac.digest(key.encode(), use, sha256)
