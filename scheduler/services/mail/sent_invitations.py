"""Which invitations a reader's calendar holds: what was sent about a visit, to which address, with which METHOD.

Only the organizer's update and CANCEL change an entry that came from an invitation (RFC 5546), so both are owed to the
address that got it, also when the reader subscribes to a feed by now. The METHOD and SEQUENCE are kept with the subject
of the message that carried them.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import cache

from sqlalchemy import Select, Update, bindparam, func, select, update
from sqlalchemy.orm import Session

from scheduler.ical import Method
from scheduler.models.appointment import Appointment
from scheduler.models.message import Message, MessageSubject
from scheduler.services.mail.told import may_have_arrived


def held_by(session: Session, appointment_ids: Collection[int], address: str | None) -> set[int]:
    """Return the visits of which this address holds an invitation that was not canceled."""
    if not address or not appointment_ids:
        return set()
    about = {"visits": list(appointment_ids), "address": address.lower()}
    latest = {row[0]: row[1] for row in session.execute(_sent(), about)}
    return {visit for visit, method in latest.items() if method == Method.REQUEST}


def was_for_this_time(session: Session, appointment: Appointment, sequence: str) -> bool:
    """Tell whether an invitation with this SEQUENCE was sent for the visit's present time."""
    if not sequence.isdecimal():
        return False
    query = select(MessageSubject.id).where(
        MessageSubject.appointment_id == appointment.id,
        MessageSubject.method == Method.REQUEST,
        MessageSubject.sequence == int(sequence),
        MessageSubject.schedule_version == appointment.schedule_version,
    )
    return session.scalar(query.limit(1)) is not None


@cache  # built once, asked for every mail about a visit
def _sent() -> Select[int, str | None]:
    return (
        select(MessageSubject.appointment_id, MessageSubject.method)
        .join(Message, MessageSubject.message_id == Message.id)
        .where(
            MessageSubject.appointment_id.in_(bindparam("visits", expanding=True)),
            MessageSubject.method.is_not(None),
            func.lower(Message.address) == bindparam("address"),
            may_have_arrived(),
        )
        .order_by(MessageSubject.sequence, Message.id)
    )


@cache
def record() -> Update:
    """Return the statement that keeps what a message carries about a visit; run it with the sending check."""
    return (
        update(MessageSubject)
        .where(
            MessageSubject.message_id == bindparam("its_message"),
            MessageSubject.appointment_id == bindparam("its_visit"),
        )
        .values(method=bindparam("its_method"), sequence=bindparam("its_sequence"))
    )
