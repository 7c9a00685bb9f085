"""Everyone who works at a clinic, each person once: the staff record, the sign-in, or the invitation to one."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from scheduler.domain.plans import Role
from scheduler.models import practitioner as practitioners
from scheduler.models.clinic import Clinic
from scheduler.models.invitation import Invitation, open_of_clinic
from scheduler.models.practitioner import Practitioner
from scheduler.models.user import Membership, StaffRole
from scheduler.services.account import memberships

LEAST = StaffRole.READ_ONLY  # what a person may do whom no one gave a role
BY_ROLE = (
    (Role.PRESCRIBER, StaffRole.PRESCRIBER),
    (Role.NURSE, StaffRole.NURSE),
    (Role.THERAPIST, StaffRole.THERAPIST),
)


@dataclass(frozen=True)
class StaffMember:
    """A person who works here. One of the three is there at least; an invitation only before it is answered."""

    record: Practitioner | None = None
    membership: Membership | None = None
    invitation: Invitation | None = None

    @property
    def name(self) -> str:
        if self.record is not None:
            return self.record.name
        if self.membership is not None:
            return self.membership.user.name or self.membership.user.email
        return self.invitation.name or self.invitation.user.email if self.invitation else ""

    @property
    def is_program(self) -> bool:
        return self.membership is not None and self.membership.user.is_service


def everyone(session: Session, clinic: Clinic) -> list[StaffMember]:
    """Return who treats in the board's order, then the others by name, programs and inactive records last."""
    members = {one.user_id: one for one in memberships.every(session, clinic)}
    invited = open_of_clinic(session, clinic.id)
    by_record = {one.practitioner_id: one for one in invited if one.practitioner_id}
    records = [
        StaffMember(record, members.pop(record.user_id or 0, None), by_record.get(record.id))
        for record in practitioners.every(session, clinic.id)
    ]
    others = [StaffMember(membership=one) for one in members.values()]
    others += [StaffMember(invitation=one) for one in invited if not one.practitioner_id]
    active = [one for one in records if one.record and one.record.active]
    return [
        *active,
        *sorted(others, key=lambda one: (one.is_program, one.name.casefold())),
        *(one for one in records if one not in active),
    ]


def usual_role(record: Practitioner | None) -> StaffRole:
    """Return the role that an invitation proposes: what the person does, else the one that may do least."""
    roles = record.roles if record is not None else frozenset()
    return next((staff for role, staff in BY_ROLE if role in roles), LEAST)
