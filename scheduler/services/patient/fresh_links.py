"""Mailing a new private link to a known address: the patient's, or that of the person who looks after them."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from scheduler.models.clinic import Clinic
from scheduler.models.message import Message, MessageKind
from scheduler.models.patient import Patient
from scheduler.services import limits
from scheduler.services.limits import HOUR, Limit
from scheduler.services.mail import outbox

SENT = Limit("fresh-links-sent", most=3, per=HOUR)  # per patient
USEFUL = timedelta(hours=12)
MOST = 10  # patients of one address: a parent of several


def send(session: Session, address: str, now: datetime) -> int:
    """Queue a link for each patient of this address; return for how many."""
    wanted = address.strip().lower()
    if not wanted or "@" not in wanted:
        return 0
    query = select(Patient).where(
        or_(func.lower(Patient.email) == wanted, func.lower(Patient.proxy_email) == wanted),
        Patient.merged_into_id.is_(None),
        Patient.erased_at.is_(None),
    )
    found = list(session.scalars(query.order_by(Patient.id).limit(MOST)))
    return sum(_send(session, patient, wanted, now) for patient in found)


def _send(session: Session, patient: Patient, wanted: str, now: datetime) -> int:
    if limits.hit(session, SENT, patient.public_id, now) > SENT.most:
        return 0
    enqueue(session, patient, "patient" if (patient.email or "").lower() == wanted else "proxy", now)
    return 1


def enqueue(session: Session, patient: Patient, recipient: str, now: datetime) -> Message:
    """Queue a mail with a link to the private page, to the patient or the proxy."""
    clinic = session.get_one(Clinic, patient.clinic_id)
    return outbox.enqueue(
        session,
        clinic,
        MessageKind.LINK,
        now,
        patient=patient,
        recipient=recipient,
        expires_at=now + USEFUL,
    )
