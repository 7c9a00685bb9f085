"""A new email address that a patient gives on the private page: asked for, confirmed from the new mailbox, settled.

A link may be in other hands than the patient's. So the address counts only once a link mailed to it was confirmed, the
former address is notified at once, and the desk sees each change until it has settled it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from scheduler.domain.text import masked_address
from scheduler.errors import Refusal, WrongStatus
from scheduler.models import address_change
from scheduler.models.address_change import AddressChange
from scheduler.models.clinic import Clinic
from scheduler.models.message import Message, MessageKind
from scheduler.models.patient import Patient
from scheduler.services import limits, private_links
from scheduler.services.actors import Actor
from scheduler.services.limits import HOUR, Limit
from scheduler.services.mail import notices, outbox
from scheduler.services.mail.letters import ADDRESS_CONFIRM, ADDRESS_NOTICE, FORMER, NEW
from scheduler.services.patient import fresh_links, patients
from scheduler.services.patient.patient_fields import checked
from scheduler.services.trail import audit

ASKED = Limit(
    "address-changes", most=3, per=HOUR
)  # per patient: each sends mail to an address that anybody typed


class TooOften(Refusal):
    """A new address was asked for too often."""

    code, title = "too-often", "Please call the clinic"


def ask(
    session: Session, actor: Actor, patient: Patient, address: str, now: datetime
) -> AddressChange | None:
    """Mail a link to the new address and notify the former one and the desk; nothing happens if it is the present one.

    A later request replaces one that is not confirmed. Raises Invalid, and TooOften.
    """
    wanted = checked({"email": address}, now.date())["email"]
    if wanted.lower() == (patient.email or "").lower():
        return None
    if limits.hit(session, ASKED, patient.public_id, now) > ASKED.most:
        raise TooOften
    for earlier in address_change.of_patient(session, patient):
        if earlier.confirmed_at is None and earlier.settled_at is None:
            earlier.settled_at = now
    former = patient.email or patient.proxy_email
    if former:
        _mail(session, actor.clinic, patient, FORMER, ADDRESS_NOTICE, former, wanted, now)
    message = _mail(session, actor.clinic, patient, NEW, ADDRESS_CONFIRM, wanted, wanted, now)
    change = AddressChange(
        clinic_id=patient.clinic_id,
        patient_id=patient.id,
        message_id=message.id,
        former=patient.email,
        wanted=wanted,
        link_epoch=patient.link_epoch,
        asked_at=now,
    )
    session.add(change)
    audit.record(session, actor, "patient.address-asked", patient, now, ["email"])
    notices.address_asked(session, patient, now)
    session.flush()
    return change


def confirm(session: Session, actor: Actor, change: AddressChange, now: datetime) -> None:
    """Use the new address from now on. Links sent before end, calendar links stay, a fresh link goes there.

    Nothing happens if it was confirmed before. Raises WrongStatus once it can no longer be confirmed.
    """
    if change.confirmed_at is not None:
        return
    if not is_open(change, now):
        raise WrongStatus("This address change can no longer be confirmed")
    patient = change.patient
    patients.update(session, actor, patient, {"email": change.wanted}, now)
    private_links.end_sent(session, patient)
    change.confirmed_at = now
    audit.record(session, actor, "patient.address-confirmed", patient, now, ["email"])
    notices.address_confirmed(session, patient, now)
    fresh_links.enqueue(session, patient, "patient", now)
    session.flush()


def settle(session: Session, actor: Actor, change: AddressChange, now: datetime) -> None:
    """Take a change off the desk's list. One that was not confirmed can then no longer be confirmed."""
    if change.settled_at is None:
        change.settled_at, change.settled_by_id = now, actor.user_id
        event = "address-settled" if change.confirmed_at else "address-refused"
        audit.record(session, actor, f"patient.{event}", change.patient, now)
        session.flush()


def is_open(change: AddressChange, now: datetime) -> bool:
    """Tell whether a change still waits for its confirmation."""
    return (
        change.confirmed_at is None
        and change.settled_at is None
        and change.link_epoch == change.patient.link_epoch
        and now <= change.asked_at + private_links.READABLE
    )


def waiting(session: Session, clinic: Clinic, now: datetime) -> list[AddressChange]:
    """Return the changes that the desk has not settled, those that wait for a confirmation among them."""
    return _standing(address_change.unsettled_in(session, clinic.id), now)


def of_patient(session: Session, patient: Patient, now: datetime) -> list[AddressChange]:
    """Return a patient's changes that the desk has not settled, the latest first."""
    found = address_change.of_patient(session, patient)
    return _standing([change for change in found if change.settled_at is None], now)


def _standing(changes: Sequence[AddressChange], now: datetime) -> list[AddressChange]:
    return [change for change in changes if change.confirmed_at is not None or is_open(change, now)]


def _mail(
    session: Session,
    clinic: Clinic,
    patient: Patient,
    recipient: str,
    words: str,
    address: str,
    wanted: str,
    now: datetime,
) -> Message:
    return outbox.enqueue(
        session,
        clinic,
        MessageKind.ADDRESS,
        now,
        patient=patient,
        recipient=recipient,
        values={"words": words, "to": address, "new_address": masked_address(wanted)},
        expires_at=now + private_links.READABLE,
    )
