"""One appointment's details by email, when the desk sends them: "could you mail me that again?"."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from scheduler.errors import WrongStatus
from scheduler.models.appointment import Appointment
from scheduler.models.clinic import Clinic
from scheduler.models.message import MessageKind
from scheduler.services.actors import Actor
from scheduler.services.mail import outbox
from scheduler.services.mail.reminders import address_of, is_told, recipients
from scheduler.services.trail import audit


def may_be_mailed(clinic: Clinic, visit: Appointment, now: datetime) -> bool:
    """Return whether the visit is ahead, patients get mail about such visits, and there is an address to write to."""
    is_ahead = visit.status.is_live and visit.end_at > now
    return is_ahead and is_told(visit, clinic.settings) and bool(_readers(visit))


def send(session: Session, actor: Actor, visit: Appointment, now: datetime) -> None:
    """Mail what is booked to the patient, and to the proxy if there is one. Raises WrongStatus."""
    if not may_be_mailed(actor.clinic, visit, now):
        raise WrongStatus("There is no email to send about this visit")
    for recipient in _readers(visit):
        message = outbox.enqueue(
            session,
            actor.clinic,
            MessageKind.CONFIRMATION,
            now,
            patient=visit.patient,
            recipient=recipient,
            about=[visit],
            expires_at=visit.end_at,
        )
        audit.record(session, actor, "message.sent-by-hand", message, now)


def _readers(visit: Appointment) -> list[str]:
    return [one for one in recipients(visit.patient) if address_of(visit.patient, one)]
