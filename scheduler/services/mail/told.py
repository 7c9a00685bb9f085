"""What a person was last told about a visit, which decides what they must be told next.

A message counts as told once its content may have reached the mail server (`data_at`, an unclear end, a resend), or
once it became the desk's task to tell (skipped for want of an address). One that failed for certain does not count.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, bindparam, or_, select
from sqlalchemy.orm import Session

from scheduler.domain.message_kinds import ANNOUNCING
from scheduler.models.appointment import Appointment
from scheduler.models.message import Message, MessageKind, MessageState, MessageSubject

Times = tuple[datetime, datetime]


@dataclass(frozen=True)
class LastNotification:
    """That the visit stands at these times, or that it is off; `written` is how the message kept times and site."""

    stands: bool
    times: Times
    written: list[str]

    def still_holds(self, appointment: Appointment) -> bool:
        """Tell whether there is nothing new to tell of a visit that stands: neither for a person nor for a calendar."""
        times = (appointment.start_at, appointment.end_at)
        same_times = self.times == times == as_told(self.written, appointment.zone)
        return self.stands and same_times and not is_elsewhere(self.written, appointment)


def last_told(
    session: Session, appointment_ids: Collection[int], recipient: str
) -> dict[int, LastNotification]:
    """Return the last notification about each visit; a visit without one is missing."""
    about = {"visits": list(appointment_ids), "reader": recipient}
    return {
        appointment_id: LastNotification(_stands(message, appointment_id), read_times(written), written)
        for appointment_id, message in session.execute(_telling(), about)
        for written in (message.values["times"][str(appointment_id)],)
    }


def may_have_arrived() -> ColumnElement[bool]:
    """What makes a message one whose content may have reached the mail server."""
    return or_(
        Message.state.in_((MessageState.SENT, MessageState.UNCERTAIN)),
        Message.data_at.is_not(None),
        Message.resends > 0,
    )


@cache  # built once, asked at every booking
def _telling() -> Select[int, Message]:
    return (
        select(MessageSubject.appointment_id, Message)
        .join(Message, MessageSubject.message_id == Message.id)
        .where(
            MessageSubject.appointment_id.in_(bindparam("visits", expanding=True)),
            Message.recipient == bindparam("reader"),
            Message.kind.in_(ANNOUNCING),
            or_(Message.state == MessageState.SKIPPED, may_have_arrived()),
        )
        .order_by(Message.created_at, Message.id)
    )


def _stands(message: Message, appointment_id: int) -> bool:
    """Tell whether the message says that the visit stands; a change may tell of visits that are off as well."""
    if message.kind is MessageKind.CANCELLATION:
        return False
    return appointment_id not in message.values.get("off", ())


def times_document(appointment: Appointment) -> list[str]:
    """Return the visit's times as a message keeps them: local, with the offset that holds now; then its site."""
    times = (appointment.start_at, appointment.end_at)
    site = [appointment.location.site.public_id] if appointment.location is not None else []
    return [*(time.astimezone(appointment.zone).isoformat() for time in times), *site]


def is_elsewhere(document: list[str], appointment: Appointment) -> bool:
    """Tell whether a visit is at another site than was announced."""
    announced, present = document[2:], times_document(appointment)[2:]
    return bool(announced and present) and announced != present


def read_times(document: list[str]) -> Times:
    start, end = (datetime.fromisoformat(text).astimezone(UTC) for text in document[:2])
    return start, end


def as_told(document: list[str], zone: ZoneInfo) -> Times:
    """Return the instants of the local times that were announced, under the present rules of the zone.

    Times that are kept in UTC do not say what the wall showed; they are what they are now.
    """
    start, end = (_on_the_wall(datetime.fromisoformat(text), zone) for text in document[:2])
    return start, end


def _on_the_wall(time: datetime, zone: ZoneInfo) -> datetime:
    return (time if not time.utcoffset() else time.replace(tzinfo=zone)).astimezone(UTC)
