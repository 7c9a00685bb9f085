"""Email that a person must read: marking it as done, and forgetting what it says."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.orm import Session

from scheduler.models.appointment import Appointment
from scheduler.models.incoming_mail import IncomingMail
from scheduler.models.patient import Patient
from scheduler.services.actors import Actor
from scheduler.services.trail import audit

KEPT = timedelta(days=90)  # after it was done; a mail server delivers a copy within days
EMPTY = {"sender": "", "subject": "", "body": ""}


def finish(session: Session, actor: Actor, mail: IncomingMail, now: datetime) -> None:
    """Note that a person has dealt with it; nothing happens if that is noted already."""
    if mail.done_at is None:
        mail.done_at, mail.done_by_id = now, actor.user_id
        audit.record(session, actor, "mail.done", mail, now)
        session.flush()


def finish_proposals(
    session: Session, actor: Actor, appointments: Collection[Appointment], now: datetime
) -> None:
    """Mark as done the email that proposed the time at which one of these visits is now."""
    starts = {one.id: one.start_at for one in appointments}
    query = select(IncomingMail).where(
        IncomingMail.appointment_id.in_(starts),
        IncomingMail.wanted_at.is_not(None),
        IncomingMail.done_at.is_(None),
    )
    for mail in session.scalars(query.order_by(IncomingMail.id).with_for_update()):
        if mail.appointment_id is not None and mail.wanted_at == starts[mail.appointment_id]:
            finish(session, actor, mail, now)


def prune(session: Session, now: datetime) -> int:
    """Forget mail that was done long ago. Returns how much."""
    done = session.execute(delete(IncomingMail).where(IncomingMail.done_at < now - KEPT))
    return int(getattr(done, "rowcount", 0))


def forget(session: Session, patient: Patient, now: datetime) -> None:
    """Empty what a patient wrote, or what came from their addresses, when the record is erased."""
    addresses = [one.lower() for one in (patient.email, patient.proxy_email) if one]
    from_them = [func.lower(IncomingMail.sender).contains(one, autoescape=True) for one in addresses]
    theirs = select(IncomingMail.id).where(
        IncomingMail.clinic_id == patient.clinic_id, or_(IncomingMail.patient_id == patient.id, *from_them)
    )
    session.execute(
        update(IncomingMail)
        .where(IncomingMail.id.in_(theirs))
        .values(**EMPTY, done_at=func.coalesce(IncomingMail.done_at, now))
        .execution_options(synchronize_session="fetch")
    )
