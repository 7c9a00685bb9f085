"""What goes into the planner and what comes out: the request, the calendar, the weights, and the answers.

Times are aware UTC instants; days are clinic-local dates. In a Placement the patient comes at `start` and leaves at
`attended_end`; the last phase is over at `end`, and phases before the patient comes are before `start`. Segments say
which resource is used when; booking chooses units later, inside its transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from scheduler.domain.formats import USUAL, Formats
from scheduler.domain.plans import Action, Plan, Role
from scheduler.domain.windows import Window

# Resource id, unit, start and end (UTC). A large clinic's year holds hundreds of thousands; the garbage collector skips
# plain tuples of such values.
Taken = tuple[int, int, datetime, datetime]
Slack = Mapping[str, tuple[int, int]]  # shortest and longest gap, by action


@dataclass(frozen=True, slots=True)
class PlannerResource:
    """A chair, a room or a person. A person may have several roles; `units` is how many patients at once.

    `site` is that of a chair or room, by its resource id; people work at every site.
    """

    id: int
    name: str
    roles: frozenset[Role]
    units: int = 1
    capabilities: frozenset[str] = frozenset()
    site: int | None = None


@dataclass(frozen=True)
class Calendar:
    """What is known of a clinic's next weeks: `days` clinic-local days from `first_on`; beyond them nothing is planned.

    `None` as a resource id is the clinic itself. `hours` holds when the clinic is open and when each resource works; a
    resource without an entry works whenever the clinic is open. `closures` removes time from the clinic or from one
    resource. `patient_busy` is when the patient has other appointments. `notice` is how long before its start a visit
    must be planned. `formats` is how the answers write dates and times.
    """

    zone: ZoneInfo
    first_on: date
    days: int
    resources: tuple[PlannerResource, ...]
    hours: Mapping[int | None, Sequence[Window]]
    closures: Mapping[int | None, Sequence[Window]] = field(default_factory=dict)
    occupied: Collection[Taken] = ()
    patient_busy: Sequence[Window] = ()
    notice: timedelta = timedelta()
    formats: Formats = USUAL

    def resource(self, resource_id: int) -> PlannerResource | None:
        return next((resource for resource in self.resources if resource.id == resource_id), None)


@dataclass(frozen=True, slots=True)
class Weights:
    """The cost of each way in which a plan can fall short of the ideal, in whole numbers that compare exactly.

    The unit is what five minutes of an hour-counted gap cost; a day's deviation from the target gap is 288 of them, so
    a day weighs the same whether the plan counts it in hours or in days. A clinic may set its own weights.

    `completion_day`: each day from the request's first day to the last visit on the plan's line. `first_day`: each day
    from the request's first day to the plan's first visit, if that is of no series. `gap_day`, `gap_tick`: a day, or
    five minutes, away from a target gap; where a visit of the line follows one of no series (a consultation before the
    infusions), only below the target. `rhythm_change`: another time of day than the neighbour before in one series,
    and `rhythm_tick`: each five minutes of the difference. `preferred_tick`: five minutes away from the preferred
    time. `quarter`: a start off the quarter hour. `weekday`: a side visit on a day the patient did not wish for.
    `therapist`: a session not with the course's own therapist. `handover`: a visit that no single nurse can see
    through. `busy_nurses`: a nurse who sets up for one patient alone while all nurses on duty are fully taken, five
    minutes before and after it counted; in proportion to the share of their time that is, less an eighth. `fragment`:
    a stretch of a chair or room left free but shorter than `usable_ticks`. `midday_tick`: five minutes of a visit at a
    place between `midday_from` and `midday_until`.
    """

    completion_day: int = 160
    first_day: int = 100
    gap_day: int = 288
    gap_tick: int = 1
    rhythm_change: int = 40
    rhythm_tick: int = 4
    preferred_tick: int = 3
    quarter: int = 12
    weekday: int = 144
    therapist: int = 96
    handover: int = 60
    busy_nurses: int = 120
    fragment: int = 24
    usable_ticks: int = 6
    midday_tick: int = 1
    midday_from: time = time(11, 30)
    midday_until: time = time(13, 30)


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of one resource's time used by one phase of a visit; `exclusive` is all of its units."""

    resource_id: int
    role: Role
    phase: str
    start: datetime
    end: datetime
    exclusive: bool = False


@dataclass(frozen=True, slots=True)
class Placement:
    """An action with its time and its resources. `location_id` is the resource id of the chair or room, if any."""

    action: str
    start: datetime
    end: datetime
    attended_end: datetime
    segments: tuple[Segment, ...]

    @property
    def first_use(self) -> datetime:
        """When the first of its resources is needed, or the patient."""
        return min([self.start, *(segment.start for segment in self.segments)])

    @property
    def location_id(self) -> int | None:
        return next((s.resource_id for s in self.segments if s.role.is_place), None)

    @property
    def practitioner_ids(self) -> tuple[int, ...]:
        """The resource ids of the people, in order of appearance, each once."""
        return tuple(dict.fromkeys(s.resource_id for s in self.segments if not s.role.is_place))


@dataclass(frozen=True, slots=True)
class Done:
    """An action that is over, or that stays where it is: later gaps are counted from it, nothing is placed."""

    action: str
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Request:
    """One patient's wishes for one course.

    `weekdays` are ISO numbers (Monday is 1), empty is any. `earliest` and `latest` bound the visits' wall-clock start
    and the patient's leaving. `practitioner_ids` are resource ids that a role should be chosen from (where none of
    them has the role, any will do). `pinned` are starts that must be kept. `done` are actions that are not to be
    placed. `slack` gives an action another shortest and longest gap than its offset's: a soft rule broken once.
    `not_on` names for an action days on which it is not proposed, because of what the patient has elsewhere.

    Weekdays bind the visits on the plan's line (see course.py), for which `preferred` is the best time of day; a side
    visit on another day only costs. Times of day bind what the patient comes for (`visible` actions), blocked days
    everything. With `dosing_only`, weekdays and times of day are asked of the visits that give the drug alone.
    """

    plan: Plan
    not_before: date
    weekdays: frozenset[int] = frozenset()
    earliest: time | None = None
    latest: time | None = None
    blocked_on: frozenset[date] = frozenset()
    practitioner_ids: frozenset[int] = frozenset()
    pinned: Mapping[str, datetime] = field(default_factory=dict)
    done: Mapping[str, Done] = field(default_factory=dict)
    preferred: time | None = None
    count: int = 3
    slack: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    not_on: Mapping[str, frozenset[date]] = field(default_factory=dict)
    dosing_only: bool = False

    def asks_of(self, action: Action) -> bool:
        """Tell whether weekdays and times of day are asked of this action."""
        return action.visible and (action.dosing is not None or not self.dosing_only)


@dataclass(frozen=True, slots=True)
class Term:
    """A part of a proposal's cost, in words for the front desk."""

    key: str
    cost: int
    words: str


@dataclass(frozen=True, slots=True)
class Projection:
    """A proposed action: about when it will be, and from when to when it may be booked (clinic-local dates)."""

    action: str
    start: datetime
    earliest_on: date
    latest_on: date


class ProposalKind(StrEnum):
    """What a proposal is: the best, or an alternative that is better in one thing, or different.

    `soonest`: ends on the first day on which a course can. `first-visit`: the first visit is on the first day on which
    it can be. `one-time`: each series is at one time of day. `fewest-trips`: the days of the best, other visits on the
    days of its line where they can be. The others: no dose on the commonest weekday of the best, in the other half of
    the day, a week later or more.
    """

    BEST = "best"
    SOONEST = "soonest"
    FIRST_VISIT = "first-visit"
    ONE_TIME = "one-time"
    FEWEST_TRIPS = "fewest-trips"
    WEEKDAYS = "weekdays"
    HALF_DAY = "half-day"
    LATER = "later"


@dataclass(frozen=True, slots=True)
class TherapistChoice:
    """A therapist, by resource id, and how many of the sessions of a proposal he or she could take at their times."""

    resource_id: int
    sessions: int
    of: int
    chosen: bool


@dataclass(frozen=True, slots=True)
class Proposal:
    """A complete placement. Lower cost is better.

    `proven`: no placement costs less under the same weights; for an alternative, none of its `kind`. `trips` are the
    days on which the patient comes. `therapists` are who could be the course's own, the one that is first.
    `exceptions` are known for the best only: what would let it end much earlier.
    """

    visits: tuple[Placement, ...]
    projections: tuple[Projection, ...]
    terms: tuple[Term, ...]
    cost: int
    proven: bool
    summary: str = ""
    kind: ProposalKind = ProposalKind.BEST
    trips: int = 0
    therapists: tuple[TherapistChoice, ...] = ()
    exceptions: tuple[SpacingException, ...] = ()


@dataclass(frozen=True, slots=True)
class SpacingException:
    """A course that ends `days` before the best that keeps the spacing, because one gap is longer once.

    `action` comes later after the one before it than its protocol allows. `slack` is what the request needs for it.
    `closed` are the days within the gap on which the clinic is closed although it is open on that weekday; `away` those
    on which the patient is. Neither: what is booked already leaves no time.
    """

    action: str
    words: str
    slack: Slack
    proposal: Proposal
    days: int
    closed: tuple[date, ...]
    away: tuple[date, ...]


@dataclass(frozen=True, slots=True)
class PlacementChange:
    """A visit that changes. `before` is None for one that had no time.

    `why`: "moved" (asked for), "follows" (to keep the plan), "placed" (it had no time), "resources" (same time, other
    people or place).
    """

    action: str
    before: datetime | None
    after: datetime
    why: str


@dataclass(frozen=True, slots=True)
class Reason:
    """Why an action cannot be placed: the kind of resource that blocks it (None: a rule or a wish), in words."""

    action: str
    resource: str | None
    why: str


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A change that makes room. `request` holds the changed fields by name; it was solved again before it was
    offered."""

    text: str
    request: Mapping[str, object]
    verified: bool


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule that a placement breaks. A `hard` one cannot be overridden.

    `about` holds what the words leave out, such as the resource and the time, so that a rule that is broken elsewhere
    is not taken for the one that was broken before.
    """

    action: str
    rule: str
    words: str
    hard: bool
    about: tuple[object, ...] = ()


class NoFit(Exception):
    """No placement keeps every rule; or none was found, if that is not `proven`."""

    def __init__(
        self, reasons: tuple[Reason, ...], suggestions: tuple[Suggestion, ...] = (), proven: bool = True
    ) -> None:
        self.reasons, self.suggestions, self.proven = reasons, suggestions, proven
        super().__init__("; ".join(reason.why for reason in reasons))


class GaveUp(Exception):
    """The search ended before it found a placement; there may be one."""
