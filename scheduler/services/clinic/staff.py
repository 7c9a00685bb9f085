"""Who at a clinic gets mail: the desk, and who reads patients' answers; and how mail names a patient to them."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from scheduler.models.clinic import Clinic
from scheduler.models.patient import Patient
from scheduler.models.user import Membership, StaffRole, User

DESK = (StaffRole.ADMIN, StaffRole.MANAGER, StaffRole.FRONT_DESK)
ANSWERING = (
    StaffRole.ADMIN,
    StaffRole.MANAGER,
    StaffRole.NURSE,
    StaffRole.PRESCRIBER,
    StaffRole.THERAPIST,
)  # who sees what patients answer (services/account/permissions.py)
IS_AT_DESK = (Membership.user_id == User.id, Membership.role.in_(DESK), User.active, ~User.is_service)


def desk(session: Session, clinic: Clinic) -> list[User]:
    """Return who plans at this clinic, in order of id."""
    return list(
        session.scalars(select(User).where(Membership.clinic_id == clinic.id, *IS_AT_DESK).order_by(User.id))
    )


def answering(session: Session, clinic: Clinic) -> list[User]:
    """Return the people who may read patients' answers at this clinic, in order of id."""
    query = select(User).where(
        Membership.clinic_id == clinic.id,
        Membership.user_id == User.id,
        Membership.role.in_(ANSWERING),
        User.active,
        ~User.is_service,
    )
    return list(session.scalars(query.order_by(User.id)))


def initials(patient: Patient) -> str:
    """Return all that a mail may say of who it is about, such as N.L."""
    return "".join(f"{name[:1]}." for name in (patient.given_name, patient.family_name) if name)
