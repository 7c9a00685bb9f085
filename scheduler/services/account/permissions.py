"""Who may do what, and who sees which details of patients: two tables that a person can read.

Interfaces ask `require` before they call a service. A command on the machine may do everything; the clock and a
patient's private link do only what their own interfaces offer.
"""

from __future__ import annotations

from scheduler.errors import Forbidden
from scheduler.models.user import StaffRole
from scheduler.services.actors import Actor

_ADMIN, _MANAGER, _DESK = StaffRole.ADMIN, StaffRole.MANAGER, StaffRole.FRONT_DESK
_CLINICAL = (StaffRole.NURSE, StaffRole.PRESCRIBER, StaffRole.THERAPIST)

PERMISSIONS: dict[str, frozenset[StaffRole]] = {
    "view": frozenset(StaffRole),
    "book": frozenset({_ADMIN, _MANAGER, _DESK}),
    "move": frozenset({_ADMIN, _MANAGER, _DESK}),
    "cancel": frozenset({_ADMIN, _MANAGER, _DESK}),
    "progress": frozenset({_ADMIN, _MANAGER, _DESK, *_CLINICAL}),
    "requirements": frozenset({_ADMIN, _MANAGER, _DESK, *_CLINICAL}),
    "tasks": frozenset({_ADMIN, _MANAGER, _DESK, *_CLINICAL}),
    "answers": frozenset({_ADMIN, _MANAGER, *_CLINICAL}),
    "override": frozenset({_ADMIN, _MANAGER, StaffRole.PRESCRIBER}),
    "patients": frozenset({_ADMIN, _MANAGER, _DESK}),
    "records": frozenset({_ADMIN, _MANAGER}),
    "feeds": frozenset({_ADMIN, _MANAGER, _DESK, *_CLINICAL}),
    "send-log": frozenset({_ADMIN, _MANAGER, _DESK}),
    "agree": frozenset({_ADMIN}),
    "close": frozenset({_ADMIN, _MANAGER}),
    "settings": frozenset({_ADMIN, _MANAGER}),
    "people": frozenset({_ADMIN, _MANAGER}),
    "invite": frozenset({_ADMIN, _MANAGER}),
    "users": frozenset({_ADMIN}),
    "tokens": frozenset({_ADMIN}),
    "audit": frozenset({_ADMIN}),
    "reports": frozenset({_ADMIN, _MANAGER}),
    "notes": frozenset({_ADMIN, _MANAGER, _DESK, *_CLINICAL}),
}
# what a clinic may allow one more role, by a setting of its own
BY_SETTING = {"close": (_DESK, "front_desk_closes")}
# an integration never overrides a rule, and manages neither accounts nor tokens
SERVICE_ROLES = frozenset(StaffRole) - PERMISSIONS["override"] - PERMISSIONS["users"]
# the same in words, as the page of roles and the form for tokens say them
WORDS = {
    "view": "See the calendar, patients and courses",
    "book": "Book courses and single visits",
    "move": "Move visits and adjust later visits",
    "cancel": "Cancel visits; pause, resume, end and complete courses",
    "progress": "Mark visits as confirmed, arrived, checked in, done or no-show",
    "requirements": "Complete and reopen requirements",
    "tasks": "See the to-do list",
    "answers": "Take and complete tasks about check-in answers",
    "override": "Override a rule or an open requirement, with a reason",
    "patients": "Add and edit patients",
    "records": "Export or anonymize patient records",
    "feeds": "Create and turn off calendar links",
    "send-log": "See, resend and release messages",
    "agree": "Resume sending after a pause",
    "close": "Close the clinic, a chair or a room; enter time off",
    "settings": "Hours, chairs, protocols, texts, imports",
    "people": "Staff and their hours",
    "invite": "Invite people and remove the sign-in of those who leave, but not of admins",
    "users": "Roles of members, two-step verification and sessions of others, invite and remove admins",
    "tokens": "See and revoke API tokens, create tokens and service accounts",
    "audit": "The audit trail",
    "reports": "See reports and the visits behind them",
    "notes": "Write notes about patients and visits",
}

# Which roles see which details, on pages and prints, in the API, FHIR, exports and lists alike (docs/security.md). What
# is not named here (who comes when, where, to whom and for which visit) is seen by every role. A token sees what its
# user's role sees, with any scopes.
_DESK_AND_CLINICAL = frozenset({_ADMIN, _MANAGER, _DESK, *_CLINICAL})
FIELDS: dict[str, frozenset[StaffRole]] = {
    "answers": frozenset({_ADMIN, _MANAGER, *_CLINICAL}),
    "override-reasons": frozenset({_ADMIN, _MANAGER, *_CLINICAL}),
    "reasons": _DESK_AND_CLINICAL,
    "alert-note": _DESK_AND_CLINICAL,
    "driver": _DESK_AND_CLINICAL,
    "requirement-notes": _DESK_AND_CLINICAL,
    "contact": _DESK_AND_CLINICAL,
    "needs": _DESK_AND_CLINICAL,
    "messages": _DESK_AND_CLINICAL,
    "request-notes": frozenset({_ADMIN, _MANAGER, _DESK}),
    "notes": _DESK_AND_CLINICAL,
}
FIELD_WORDS = {
    "answers": "Check-in answers (mood, PHQ-2, comment) and the tasks they open",
    "override-reasons": "Reasons for overrides",
    "reasons": "Reasons why visits or courses were canceled, moved, missed, paused or ended",
    "alert-note": "Alert shown on every visit",
    "driver": "Driver's name and phone number",
    "requirement-notes": "Notes and documents of requirements",
    "contact": (
        "Date of birth, phone, email, address, family or caregiver, emergency contact, MRN, insurance, "
        "and search by these"
    ),
    "needs": "Pronouns, sex, interpreter, wheelchair, preferred days and times",
    "messages": "Messages about visits and their delivery",
    "request-notes": "Messages from patients in requests",
    "notes": "Notes of staff and what came of calls",
}


def sees(actor: Actor, field: str) -> bool:
    """Tell whether the actor's role sees a detail. Raises KeyError for an unknown one."""
    roles = FIELDS[field]
    return actor.name == "command" or (actor.role is not None and actor.role in roles)


def allowed(actor: Actor, permission: str) -> bool:
    """Tell whether the actor's role has a permission. Raises KeyError for an unknown permission."""
    roles = PERMISSIONS[permission]
    if actor.scopes is not None and permission not in actor.scopes:
        return False
    if actor.name == "command" or (actor.role is not None and actor.role in roles):
        return True
    role, setting = BY_SETTING.get(permission, (None, ""))
    return actor.role is not None and actor.role is role and getattr(actor.clinic.settings, setting)


def require_role_below(actor: Actor, role: StaffRole) -> None:
    """Raise Forbidden for a role that only those with the permission `users` give and take away."""
    if role is StaffRole.ADMIN and not allowed(actor, "users"):
        raise Forbidden("Only an admin can invite or remove an admin", permission="users")


def require(actor: Actor, permission: str) -> None:
    """Raise Forbidden unless the actor's role has the permission."""
    if not allowed(actor, permission):
        raise Forbidden(
            f"Your role does not allow this (required permission: {permission})", permission=permission
        )
