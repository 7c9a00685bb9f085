"""Reminders by mail or none, as the patient wishes. A change or a cancellation is announced anyway."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from scheduler.models.patient import Patient
from scheduler.services.actors import Actor
from scheduler.services.mail import notices
from scheduler.services.trail import audit


def unsubscribe(session: Session, actor: Actor, patient: Patient, now: datetime) -> None:
    """Send no more reminders; nothing happens if none are sent already."""
    if patient.unsubscribed_at is None:
        patient.unsubscribed_at = now
        patient.row_version += 1
        audit.record(session, actor, "patient.unsubscribed", patient, now)
        if actor.name == "patient":
            notices.unsubscribed(session, patient, now)
        session.flush()


def subscribe(session: Session, actor: Actor, patient: Patient, now: datetime) -> None:
    """Send reminders again."""
    if patient.unsubscribed_at is not None:
        patient.unsubscribed_at = None
        patient.row_version += 1
        audit.record(session, actor, "patient.subscribed", patient, now)
        session.flush()
