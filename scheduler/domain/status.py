"""The statuses of appointments and care plans, what follows from each, and which step leads where.

Names and meanings are FHIR R5's (appointmentstatus, request-status). Roomed, infusing, observing and ready are stages
within checked-in. No other module lists statuses: queries take the sets below, all else asks a status. A new status
belongs to the sets it fits; tests/domain/test_status.py asks every status every question.
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

LATE_AFTER = timedelta(minutes=5)  # a patient who is expected and has not come is late from then on


class _Status(StrEnum):
    @property
    def words(self) -> str:
        """The status within a sentence: "is checked in", "is on hold", "is a no-show"."""
        return _WORDS.get(self.value, self.value)


class AppointmentStatus(_Status):
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
        """It takes place or took place: it is reminded of and counts for spacing."""
        return self in LIVE

    @property
    def is_ahead(self) -> bool:
        """It has not begun: it may be moved."""
        return self in AHEAD

    @property
    def is_expected(self) -> bool:
        """The patient is expected and has not come: open requirements decide between pending and booked."""
        return self in EXPECTED

    @property
    def is_waiting(self) -> bool:
        """Its treatment has not begun, whether the patient has come or not."""
        return self in WAITING

    @property
    def occupies(self) -> bool:
        """It keeps its chair and staff until it ends. A proposed one does while it is reserved."""
        return self in OCCUPYING

    @property
    def is_here(self) -> bool:
        """The patient is in the clinic."""
        return self in HERE

    @property
    def has_come(self) -> bool:
        """The patient came."""
        return self in CAME

    @property
    def is_off(self) -> bool:
        """It does not take place."""
        return self in OFF

    @property
    def is_withdrawn(self) -> bool:
        """Calendars that showed it get a cancellation."""
        return self in WITHDRAWN

    @property
    def is_over(self) -> bool:
        """Nothing more is to be done about it on its day."""
        return self in OVER

    @property
    def is_tentative(self) -> bool:
        """It is not settled: something is missing, or it is only proposed."""
        return self in TENTATIVE

    @property
    def is_in_calendars(self) -> bool:
        """Feeds and the board show it. A missed visit stays as it was."""
        return self in IN_CALENDARS

    @property
    def may_be_made_up(self) -> bool:
        """Another visit may stand in for it."""
        return self in TO_MAKE_UP


class CarePlanStatus(_Status):
    DRAFT = "draft"
    ACTIVE = "active"
    ON_HOLD = "on-hold"
    REVOKED = "revoked"
    COMPLETED = "completed"
    ENTERED_IN_ERROR = "entered-in-error"

    @property
    def is_open(self) -> bool:
        """It has not ended: visits may still be booked or moved."""
        return self in OPEN_COURSE


class Response(StrEnum):
    """The patient's answer; a move sets it back."""

    NEEDS_ACTION = "needs-action"
    ACCEPTED = "accepted"
    DECLINED = "declined"


class CourseEffect(StrEnum):
    """What a canceled or missed visit leaves in its course."""

    MAKE_UP = "make_up"  # it is to be made up for
    SKIP = "skip"  # the course goes on without it


class Stage(StrEnum):
    """Where a checked-in patient is."""

    ROOMED = "roomed"
    INFUSING = "infusing"
    OBSERVING = "observing"
    READY = "ready"


_WORDS = {
    "pending": "tentative",
    "checked-in": "checked in",
    "fulfilled": "done",
    "cancelled": "canceled",
    "noshow": "a no-show",
    "waitlist": "on the waitlist",
    "entered-in-error": "entered in error",
    "on-hold": "on hold",
    "revoked": "stopped",
}
_S = AppointmentStatus
EXPECTED = frozenset({_S.PENDING, _S.BOOKED})
AHEAD = EXPECTED | {_S.PROPOSED}
WAITING = EXPECTED | {_S.ARRIVED}
OCCUPYING = WAITING | {_S.CHECKED_IN}
HERE = frozenset({_S.ARRIVED, _S.CHECKED_IN})
ATTENDED = frozenset({_S.CHECKED_IN, _S.FULFILLED})  # the patient was treated, or is being
CAME = ATTENDED | {_S.ARRIVED}
LIVE = WAITING | CAME
IN_CALENDARS = LIVE | {_S.NOSHOW}
WITHDRAWN = frozenset({_S.CANCELLED, _S.ENTERED_IN_ERROR})
TO_MAKE_UP = frozenset({_S.CANCELLED, _S.NOSHOW})
OVER = frozenset({_S.FULFILLED, _S.NOSHOW})
TENTATIVE = frozenset({_S.PROPOSED, _S.PENDING})
OFF = WITHDRAWN | {_S.NOSHOW, _S.WAITLIST}

STEPS: dict[str, frozenset[AppointmentStatus]] = {
    "confirm": EXPECTED,
    "arrive": EXPECTED,
    "check-in": WAITING,
    "fulfill": HERE,
    "no-show": WAITING,
    "cancel": AHEAD | {_S.ARRIVED},
    "reschedule": AHEAD,
}
OPEN_COURSE = frozenset({CarePlanStatus.DRAFT, CarePlanStatus.ACTIVE, CarePlanStatus.ON_HOLD})
ON_ITS_DAY = frozenset({"arrive", "check-in"})  # recorded on the day of the visit alone
FROM_ITS_DAY = frozenset({"fulfill", "no-show"})  # recorded on that day or later
CARE_PLAN_STEPS: dict[str, frozenset[CarePlanStatus]] = {
    "hold": frozenset({CarePlanStatus.ACTIVE}),
    "resume": frozenset({CarePlanStatus.ON_HOLD}),
    "revoke": OPEN_COURSE,
    "complete": frozenset({CarePlanStatus.ACTIVE}),
    "activate": frozenset({CarePlanStatus.DRAFT}),
}
STEP_REFUSALS = {
    "confirm": "it cannot be confirmed",
    "arrive": "the patient cannot be marked as arrived",
    "check-in": "the patient cannot be checked in",
    "fulfill": "it cannot be marked as done",
    "no-show": "it cannot be marked as a no-show",
    "cancel": "it cannot be canceled",
    "reschedule": "it cannot be moved",
    "hold": "it cannot be put on hold",
    "resume": "it cannot be resumed",
    "revoke": "it cannot be stopped",
    "complete": "it cannot be completed",
    "activate": "it cannot be activated",
}
STEP_NAMES = {
    "confirm": "the confirmation",
    "arrive": "the arrival",
    "check-in": "the check-in",
    "fulfill": "the completion",
    "no-show": "the no-show",
    "cancel": "the cancellation",
    "reschedule": "the move",
}
STEP_TOASTS = {  # after the patient's name
    "confirm": "is confirmed",
    "arrive": "has arrived",
    "check-in": "is checked in",
    "fulfill": "is done",
    "no-show": "is marked as a no-show",
    "cancel": "is canceled",
    "reschedule": "is moved",
}
STEP_HISTORY = {
    "confirm": "confirmed",
    "arrive": "arrived",
    "check-in": "checked in",
    "fulfill": "done",
    "no-show": "marked as no-show",
    "cancel": "canceled",
    "reschedule": "moved",
}
