"""Who is a member of the clinic, and with which role. A clinic is never left without an admin."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

from scheduler.errors import NotFound, WrongStatus
from scheduler.models import practitioner as practitioners
from scheduler.models import user as users
from scheduler.models.clinic import Clinic
from scheduler.models.user import Membership, StaffRole, User
from scheduler.services.account import accounts
from scheduler.services.account.permissions import SERVICE_ROLES, require_role_below
from scheduler.services.actors import Actor
from scheduler.services.clinic import places
from scheduler.services.feed import feed_ends
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
    if membership.user.is_service and role not in SERVICE_ROLES:
        raise WrongStatus("A service account cannot have a role that may override rules")
    _keep_an_admin(session, membership)
    membership.role = role
    audit.record(
        session, actor, "membership.changed", actor.clinic, now, [f"user:{membership.user_id}", "role"]
    )
    session.flush()


@dataclass(frozen=True)
class MembershipEffects:
    """What ends with a membership, and what goes on: the calendar links that the member made for patients."""

    tokens: int
    feeds: int
    patient_feeds: int


def what_ends(session: Session, clinic: Clinic, user: User, now: datetime) -> MembershipEffects:
    """Return how much would end if this member were removed."""
    return MembershipEffects(
        len(accounts.in_force(session, user, now, clinic)),
        len(feed_ends.of_member(session, clinic.id, user.id)),
        len(feed_ends.for_patients_by(session, clinic.id, user.id)),
    )


def end(
    session: Session,
    actor: Actor,
    membership: Membership,
    now: datetime,
    *,
    patients_feeds_too: bool = False,
    off_schedule: bool = False,
) -> None:
    """Take a member out of the clinic with their API tokens and calendar links; their account stays.

    Their staff record loses its sign-in; with `off_schedule` it is taken off the plan as well. Raises Forbidden,
    WrongStatus for the last admin, and with `off_schedule` for a person with visits ahead.
    """
    require_role_below(actor, membership.role)
    _keep_an_admin(session, membership)
    user = membership.user
    accounts.revoke_all(session, actor, user, now)
    feed_ends.end_of_member(session, actor, user, now, patients_too=patients_feeds_too)
    person = practitioners.of_user(session, actor.clinic.id, user.id)
    if person is not None:
        if off_schedule:
            places.update_practitioner(session, actor, person, {"active": False}, now)
        places.tie_account(session, actor, person, None, now)
    audit.record(session, actor, "membership.ended", actor.clinic, now, [f"user:{membership.user_id}"])
    session.delete(membership)
    session.flush()
    session.expire(user, ["memberships"])


def require_admin_of_all(session: Session, actor: Actor, user: User, otherwise: str) -> None:
    """Raise WrongStatus unless the actor is an admin in every clinic of this person.

    An account is its person's in all of their clinics, so one clinic alone does not decide about it. `otherwise` says
    what can be done instead.
    """
    for membership in user.memberships:
        if not _is_admin_of(session, actor, membership.clinic):
            raise WrongStatus(
                f"This person also works in another clinic, where you are not an admin. {otherwise}"
            )


def _is_admin_of(session: Session, actor: Actor, clinic: Clinic) -> bool:
    if actor.name == "command" or clinic.id == actor.clinic.id:
        return True
    own = users.member(session, actor.user_id or 0, clinic.id)
    return own is not None and own.role is StaffRole.ADMIN


def _keep_an_admin(session: Session, membership: Membership) -> None:
    if membership.role is not StaffRole.ADMIN:
        return
    query = select(func.count()).where(
        Membership.clinic_id == membership.clinic_id, Membership.role == StaffRole.ADMIN
    )
    if session.scalar(query) == 1:
        raise WrongStatus("This is the clinic's only admin. Make another user an admin first")
