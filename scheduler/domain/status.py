"""The statuses of appointments and care plans, and which step leads where.

Names and meanings are FHIR R5's (appointmentstatus, request-status). Roomed, infusing, observing and ready are stages
within checked-in. What is live, what occupies and what reminds hang from the status alone, so they are said here once.
"""

from __future__ import annotations

from enum import StrEnum


class AppointmentStatus(StrEnum):
    PROPOSED = "proposed"
    PENDING = "pending"
    BOOKED = "booked"
    ARRIVED = "arrived"
    CHECKED_IN = "checked-in"
    FULFILLED = "fulfilled"
    CANCELLED = "cancelled"
    NOSHOW = "noshow"
    WAITLIST = "waitlist"
    ENTERED_IN_ERROR = "entered-in-error"

    @property
    def is_live(self) -> bool:
        """It stands: it is reminded of and shown in feeds as going to happen."""
        return self in LIVE

    @property
    def is_ahead(self) -> bool:
        """It has not begun: it may be moved or cancelled."""
        return self in AHEAD


class CarePlanStatus(StrEnum):
    DRAFT = "draft"
    ACTIVE = "active"
    ON_HOLD = "on-hold"
    REVOKED = "revoked"
    COMPLETED = "completed"
    ENTERED_IN_ERROR = "entered-in-error"


class Response(StrEnum):
    """The patient's answer; a move sets it back."""

    NEEDS_ACTION = "needs-action"
    ACCEPTED = "accepted"
    DECLINED = "declined"


class Stage(StrEnum):
    """Where a checked-in patient is."""

    ROOMED = "roomed"
    INFUSING = "infusing"
    OBSERVING = "observing"
    READY = "ready"


_S = AppointmentStatus
LIVE = frozenset({_S.PENDING, _S.BOOKED, _S.ARRIVED, _S.CHECKED_IN, _S.FULFILLED})
AHEAD = frozenset({_S.PROPOSED, _S.PENDING, _S.BOOKED})
TO_MAKE_UP = frozenset({_S.CANCELLED, _S.NOSHOW})  # another visit may stand in for such a one

STEPS: dict[str, frozenset[AppointmentStatus]] = {
    "confirm": frozenset({_S.PENDING, _S.BOOKED}),
    "arrive": frozenset({_S.PENDING, _S.BOOKED}),
    "check-in": frozenset({_S.PENDING, _S.BOOKED, _S.ARRIVED}),
    "fulfill": frozenset({_S.CHECKED_IN, _S.ARRIVED}),
    "no-show": frozenset({_S.PENDING, _S.BOOKED, _S.ARRIVED}),
    "cancel": frozenset({_S.PROPOSED, _S.PENDING, _S.BOOKED, _S.ARRIVED}),
    "reschedule": frozenset({_S.PROPOSED, _S.PENDING, _S.BOOKED}),
}
CARE_PLAN_STEPS: dict[str, frozenset[CarePlanStatus]] = {
    "hold": frozenset({CarePlanStatus.ACTIVE}),
    "resume": frozenset({CarePlanStatus.ON_HOLD}),
    "revoke": frozenset({CarePlanStatus.DRAFT, CarePlanStatus.ACTIVE, CarePlanStatus.ON_HOLD}),
    "complete": frozenset({CarePlanStatus.ACTIVE}),
    "activate": frozenset({CarePlanStatus.DRAFT}),
}
