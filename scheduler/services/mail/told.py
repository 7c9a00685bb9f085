"""What a person was last told about a visit, which decides what they must be told next.

A message counts as told once its content may have reached the mail server (`data_at`, an unclear end, a resend), or
once it became the desk's task to tell (skipped for want of an address). One that failed for certain does not count.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from scheduler.models.appointment import Appointment
from scheduler.models.message import Message, MessageKind, MessageState, MessageSubject

ANNOUNCING = (MessageKind.CONFIRMATION, MessageKind.CHANGE, MessageKind.CANCELLATION)
Times = tuple[datetime, datetime]


@dataclass(frozen=True)
class Told:
    """That the visit stands at these times, or that it is off."""

    stands: bool
    times: Times


def last_told(session: Session, appointment_ids: Collection[int], recipient: str) -> dict[int, Told]:
    """Return what was last told about each visit; a visit never told of is missing."""
    query = (
        select(MessageSubject.appointment_id, Message)
        .join(Message, MessageSubject.message_id == Message.id)
        .where(
            MessageSubject.appointment_id.in_(appointment_ids),
            Message.recipient == recipient,
            Message.kind.in_(ANNOUNCING),
            or_(
                Message.state.in_((MessageState.SENT, MessageState.UNCERTAIN, MessageState.SKIPPED)),
                Message.data_at.is_not(None),
                Message.resends > 0,
            ),
        )
        .order_by(Message.created_at, Message.id)
    )
    return {
        appointment_id: Told(_stands(message, appointment_id), _times(message, appointment_id))
        for appointment_id, message in session.execute(query)
    }


def _stands(message: Message, appointment_id: int) -> bool:
    """Tell whether the message says that the visit stands; a change may tell of visits that are off as well."""
    if message.kind is MessageKind.CANCELLATION:
        return False
    return appointment_id not in message.values.get("off", ())


def times_document(appointment: Appointment) -> list[str]:
    """Return the visit's times as a message keeps them."""
    return [appointment.start_at.isoformat(), appointment.end_at.isoformat()]


def read_times(document: list[str]) -> Times:
    start, end = (datetime.fromisoformat(text).astimezone(UTC) for text in document)
    return start, end


def _times(message: Message, appointment_id: int) -> Times:
    return read_times(message.values["times"][str(appointment_id)])
