"""Who is a member of the clinic, and with which role. A clinic is never left without an admin."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

from scheduler.errors import NotFound, WrongStatus
from scheduler.models.clinic import Clinic
from scheduler.models.user import Membership, StaffRole, User
from scheduler.services.actors import Actor
from scheduler.services.trail import audit


def every(session: Session, clinic: Clinic) -> list[Membership]:
    """Return the clinic's members, by name."""
    query = select(Membership).join(User).where(Membership.clinic_id == clinic.id)
    query = query.options(joinedload(Membership.user))
    return list(session.scalars(query.order_by(User.name, User.email)))


def get(session: Session, clinic: Clinic, email: str) -> Membership:
    """Return the membership of an address. Raises NotFound."""
    query = select(Membership).join(User).where(Membership.clinic_id == clinic.id, User.email == email)
    found = session.scalar(query)
    if found is None:
        raise NotFound
    return found


def set_role(session: Session, actor: Actor, membership: Membership, role: StaffRole, now: datetime) -> None:
    """Give a member another role. Raises WrongStatus for the last admin."""
    if membership.role is role:
        return
    _keep_an_admin(session, membership)
    membership.role = role
    audit.record(
        session, actor, "membership.changed", actor.clinic, now, [f"user:{membership.user_id}", "role"]
    )
    session.flush()


def end(session: Session, actor: Actor, membership: Membership, now: datetime) -> None:
    """Take a member out of the clinic; their account stays. Raises WrongStatus for the last admin."""
    _keep_an_admin(session, membership)
    audit.record(session, actor, "membership.ended", actor.clinic, now, [f"user:{membership.user_id}"])
    session.delete(membership)
    session.flush()


def _keep_an_admin(session: Session, membership: Membership) -> None:
    if membership.role is not StaffRole.ADMIN:
        return
    query = select(func.count()).where(
        Membership.clinic_id == membership.clinic_id, Membership.role == StaffRole.ADMIN
    )
    if session.scalar(query) == 1:
        raise WrongStatus("This is the clinic's only admin: make somebody else one first")
