"""The morning digest for the desk: numbers of the day and where to look, never a name.

One mail per member of staff and clinic day, at the clinic's hour. After downtime it still comes for a few hours, and
not later: yesterday's numbers help nobody.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from scheduler.domain.localtime import day_bounds, local_on
from scheduler.domain.reminders import at_local
from scheduler.domain.status import LIVE
from scheduler.models.appointment import Appointment
from scheduler.models.clinic import Clinic
from scheduler.models.message import Message, MessageKind, MessageState
from scheduler.models.user import Membership, StaffRole, User
from scheduler.services import call_list, channels
from scheduler.services.outbox import enqueue

READERS = (StaffRole.ADMIN, StaffRole.MANAGER, StaffRole.FRONT_DESK)
USEFUL = timedelta(hours=3)


def enqueue_due(session: Session, clinic: Clinic, now: datetime) -> int:
    """Write the digests that are due at this clinic and not written yet. Returns how many."""
    at = clinic.settings.digest_at
    if not at:
        return 0
    due_at = at_local(local_on(now, clinic.zone), time.fromisoformat(at), clinic.zone)
    if not due_at <= now < due_at + USEFUL:
        return 0
    readers = [user for user in _readers(session, clinic) if not _has_it(session, clinic, user, due_at)]
    lines = "\n".join(lines_of(session, clinic, now)) if readers else ""
    for user in readers:
        enqueue(
            session,
            clinic,
            MessageKind.DIGEST,
            now,
            user=user,
            values={"lines": lines, "path": "/"},
            expires_at=due_at + USEFUL,
        )
    return len(readers)


def lines_of(session: Session, clinic: Clinic, now: datetime) -> list[str]:
    """Return what the desk should know this morning, one line each."""
    start, end = day_bounds(local_on(now, clinic.zone), clinic.zone)
    visits = select(func.count()).where(
        Appointment.clinic_id == clinic.id,
        Appointment.start_at >= start,
        Appointment.start_at < end,
        Appointment.status.in_(LIVE),
    )
    unclear = select(func.count()).where(
        Message.clinic_id == clinic.id,
        Message.state == MessageState.UNCERTAIN,
        Message.settled_at.is_(None),
    )
    numbers = (
        (session.scalar(visits) or 0, "visit today", "visits today"),
        (len(call_list.calls(session, clinic, now)), "patient to call", "patients to call"),
        (session.scalar(unclear) or 0, "mail may not have arrived", "mails may not have arrived"),
    )
    counted = [f"{count} {one if count == 1 else many}" for count, one, many in numbers]
    return [*counted, *channels.troubles(session, now)]


def _readers(session: Session, clinic: Clinic) -> list[User]:
    query = (
        select(User)
        .join(Membership, Membership.user_id == User.id)
        .where(Membership.clinic_id == clinic.id, Membership.role.in_(READERS), User.active)
    )
    return list(session.scalars(query.order_by(User.id)))


def _has_it(session: Session, clinic: Clinic, user: User, since: datetime) -> bool:
    query = select(Message.id).where(
        Message.clinic_id == clinic.id,
        Message.user_id == user.id,
        Message.kind == MessageKind.DIGEST,
        Message.created_at >= since,
    )
    return session.scalar(query.limit(1)) is not None
