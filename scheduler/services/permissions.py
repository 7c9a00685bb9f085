"""Who may do what: one table that a person can read.

Doors ask `require` before they call a service. A command on the machine may do everything; the clock and a patient's
private link do only what their own doors offer.
"""

from __future__ import annotations

from scheduler.errors import Forbidden
from scheduler.models.user import StaffRole
from scheduler.services.actors import Actor

_ADMIN, _MANAGER, _DESK = StaffRole.ADMIN, StaffRole.MANAGER, StaffRole.FRONT_DESK
_CLINICAL = (StaffRole.NURSE, StaffRole.PRESCRIBER, StaffRole.THERAPIST)

PERMISSIONS: dict[str, frozenset[StaffRole]] = {
    # see the calendar, patients and courses
    "view": frozenset(StaffRole),
    # book courses and single visits
    "book": frozenset({_ADMIN, _MANAGER, _DESK}),
    # move visits, with what must move along
    "move": frozenset({_ADMIN, _MANAGER, _DESK}),
    # cancel visits, hold, resume, stop and complete courses
    "cancel": frozenset({_ADMIN, _MANAGER, _DESK}),
    # confirmed, arrived, checked in, done, no-show
    "progress": frozenset({_ADMIN, _MANAGER, _DESK, *_CLINICAL}),
    # close and reopen gates
    "gates": frozenset({_ADMIN, _MANAGER, _DESK, *_CLINICAL}),
    # break a soft rule or pass an open gate, with a reason
    "override": frozenset({_ADMIN, _MANAGER, StaffRole.PRESCRIBER}),
    # add and change patients
    "patients": frozenset({_ADMIN, _MANAGER, _DESK}),
    # hand out a patient's whole record, make it anonymous
    "records": frozenset({_ADMIN, _MANAGER}),
    # make and revoke calendar feeds
    "feeds": frozenset({_ADMIN, _MANAGER, _DESK, *_CLINICAL}),
    # see what was sent, resend and release
    "send-log": frozenset({_ADMIN, _MANAGER, _DESK}),
    # let sending go on after it was held
    "agree": frozenset({_ADMIN}),
    # hours, closures, chairs, protocols, texts
    "settings": frozenset({_ADMIN, _MANAGER}),
    # practitioners and their shifts
    "people": frozenset({_ADMIN, _MANAGER}),
    # accounts and roles
    "users": frozenset({_ADMIN}),
    # API tokens
    "tokens": frozenset({_ADMIN}),
    # the audit trail
    "audit": frozenset({_ADMIN}),
}


def allowed(actor: Actor, permission: str) -> bool:
    """Tell whether the actor's role has a permission. Raises KeyError for an unknown permission."""
    roles = PERMISSIONS[permission]
    if actor.scopes is not None and permission not in actor.scopes:
        return False
    return actor.name == "command" or (actor.role is not None and actor.role in roles)


def require(actor: Actor, permission: str) -> None:
    """Raise Forbidden unless the actor's role has the permission."""
    if not allowed(actor, permission):
        raise Forbidden(f"Your role does not allow this (it needs: {permission})", permission=permission)
