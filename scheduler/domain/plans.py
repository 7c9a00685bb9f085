"""A plan definition as the planner and the desk see it: actions in order, the gaps between them, what each needs.

The names are FHIR's (PlanDefinition.action, relatedAction offsets). A Plan is a value: immutable, hashable, without
a row behind it. Lengths are timedeltas that are whole multiples of five minutes, the planner's tick. Clinical numbers
live in the YAML files and in the database, each with its source, never here.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from itertools import takewhile

TICK = timedelta(minutes=5)
DRIVER = "driver"  # the key of the requirement that a patient can settle


class Role(StrEnum):
    """What a resource can be asked for. Chairs and rooms are places, the rest are people."""

    CHAIR = "chair"
    ROOM = "room"
    NURSE = "nurse"
    PRESCRIBER = "prescriber"
    THERAPIST = "therapist"

    @property
    def is_place(self) -> bool:
        return self in (Role.CHAIR, Role.ROOM)


class Unit(StrEnum):
    """How a gap is counted: elapsed hours, clinic-local calendar days, or days on which the clinic works."""

    HOURS = "hours"
    DAYS = "days"
    WORKING_DAYS = "working_days"


class Edge(StrEnum):
    """The end of the earlier action from which a gap is counted."""

    START = "start"
    END = "end"


@dataclass(frozen=True, slots=True)
class Need:
    """One resource that a phase uses.

    A place is kept for all phases that need one, and so is a therapist or prescriber who takes part; nurses may hand
    over between phases and within one. `exclusive` takes every unit of the person (a nurse setting up), otherwise one.
    `presence` asks only that someone with the role is on duty throughout, and occupies no one. `length` limits the
    need to the first part of the phase (a prescriber for 10 of the 15 minutes of set-up); None is all of it.
    """

    role: Role
    exclusive: bool = False
    presence: bool = False
    length: timedelta | None = None
    capability: str | None = None


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of a visit (set-up, infusion, observation, turnover ...) and what it uses.

    `attended` tells whether the patient is needed: not while a room is prepared or a chair is cleaned. The patient is
    there from the start of the first attended phase to the end of the last, all between included.
    """

    name: str
    length: timedelta
    needs: tuple[Need, ...]
    attended: bool = True


@dataclass(frozen=True, slots=True)
class Offset:
    """How long after another action this one may start, and when it had best.

    Days and working days are differences of clinic-local dates; hours are elapsed time. `edge` says from which end of
    the earlier action. A soft offset may be overridden by a role with a reason, a hard one never.
    """

    after: str
    unit: Unit
    min: int
    target: int
    max: int
    edge: Edge = Edge.START
    hard: bool = False

    def following(self, former: Offset | None) -> Offset | None:
        """Return the offset from the action that `former` counts from, when the one between them is left out.

        Where the units differ it counts days, a week for five working days.
        """
        if former is None:
            return None
        if self.unit is former.unit:
            target, most, own = self.target + former.target, self.max + former.max, self
        else:
            own, other = self.in_days, former.in_days
            target, most = own.target + other.target, own.max + other.max
        return replace(own, after=former.after, target=target, max=most, edge=former.edge, hard=False)

    @property
    def in_days(self) -> Offset:
        """The same gap in days, never a narrower one."""
        least, target, most = (self.min, self.target, self.max)
        if self.unit is Unit.HOURS:
            least, target, most = least // 24, target // 24, -(-most // 24)
        elif self.unit is Unit.WORKING_DAYS:
            target, most = target * 7 // 5, -(-most * 7 // 5) + 2
        return replace(self, unit=Unit.DAYS, min=least, target=target, max=most)


@dataclass(frozen=True, slots=True)
class DosingGap:
    """The fewest clinic-local days between a visit that gives the drug and the patient's previous one.

    A `hard` gap cannot be overridden.
    """

    days: int
    hard: bool = False


@dataclass(frozen=True, slots=True)
class Action:
    """One visit of the plan.

    `offset` hangs it from an earlier action (None: it is the first). `before` names an action that must not start
    before this one has ended (a therapy session falls before the next infusion). `series` and `position` are for
    people: "infusion 3 of 6". A `proposed` action is months ahead: it gets a date to book by, and occupies nothing.
    `visible` is False for what the patient's calendar leaves out unless the clinic says so (a check-in call).
    `dosing` is set for a visit that gives the drug. No protocol sets `site`: it is where the patient's chair or room is
    to be, by the site's resource id (None: anywhere).
    """

    key: str
    kind: str
    title: str
    phases: tuple[Phase, ...]
    offset: Offset | None = None
    before: str | None = None
    series: str | None = None
    position: int | None = None
    series_length: int | None = None
    proposed: bool = False
    visible: bool = True
    requirements: tuple[str, ...] = ()
    preparation: str | None = None
    dosing: DosingGap | None = None
    site: int | None = None

    @property
    def lead(self) -> timedelta:
        """How long before the patient comes the first phase starts. A visit starts when the patient comes."""
        return lead_of(self.phases)

    @property
    def numbered_title(self) -> str:
        """The title with its number in the series, such as "Infusion 3"."""
        return self.title if self.position is None else f"{self.title} {self.position}"

    @property
    def needs_place(self) -> bool:
        """Tell whether any phase asks for a chair or a room."""
        return any(need.role.is_place for phase in self.phases for need in phase.needs)

    @property
    def length(self) -> timedelta:
        """From the start of the first phase to the end of the last."""
        return sum((phase.length for phase in self.phases), timedelta())

    @property
    def length_from_start(self) -> timedelta:
        """From the moment the patient comes to the end of the last phase."""
        return self.length - self.lead

    @property
    def attended_length(self) -> timedelta:
        """From the moment the patient comes to the moment the patient may leave."""
        return self.length - self.lead - lead_of(self.phases[::-1])


def lead_of(phases: Sequence[Phase]) -> timedelta:
    """Return how long it takes until the first attended phase; nothing if there is none."""
    if not any(phase.attended for phase in phases):
        return timedelta()
    return sum((phase.length for phase in takewhile(lambda one: not one.attended, phases)), timedelta())


class Holds(StrEnum):
    """For how long a requirement that was completed stays complete."""

    ONCE = "once"
    PER_SESSION = "per_session"
    DAYS = "days"
    UNTIL = "until"  # a date that is given when it is completed
    VISITS = "visits"  # so many visits, and until a date if one is given


@dataclass(frozen=True, slots=True)
class RequirementDefinition:
    """Something that must be settled before the actions it guards: consent, clearance, a driver.

    With Holds.DAYS it is good for `valid_days` local days after it was closed. `lead` is how long before the visit
    it must be closed. `after_visit` marks a duty that follows the visit (a monitoring form) and does not block it; it
    is due within `valid_days` local days, if that is given. `titles` are (language, title) for patients. Only the staff
    roles in `completed_by` close, waive or override it; any role that may, where it is empty. `if_applies` marks one of
    which staff must first say whether it applies to the patient; `reference` one that needs a document or number.
    """

    key: str
    title: str
    holds: Holds
    valid_days: int | None = None
    lead: timedelta = timedelta()
    after_visit: bool = False
    titles: tuple[tuple[str, str], ...] = ()
    completed_by: tuple[str, ...] = ()
    if_applies: bool = False
    reference: bool = False

    def titled(self, language: str) -> str:
        """Return what patients who read this language see: its own title where the plan has one."""
        return dict(self.titles).get(language, self.title)


@dataclass(frozen=True, slots=True)
class Instruction:
    """A line of a preparation text tied to the visit's time, such as "No solid food from {time}".

    `offset` is counted from `edge` of the visit: negative is before. None is a line without a time of its own.
    """

    text: str
    offset: timedelta | None = None
    edge: Edge = Edge.START


@dataclass(frozen=True, slots=True)
class Preparation:
    """What a patient does before and after a kind of visit, by language code ("en", "es")."""

    key: str
    instructions: tuple[tuple[str, tuple[Instruction, ...]], ...]

    def lines(self, language: str) -> tuple[Instruction, ...]:
        """Return the lines in `language`, else in the first language given."""
        by_language = dict(self.instructions)
        return by_language.get(language) or self.instructions[0][1]


@dataclass(frozen=True, slots=True)
class MissedDose:
    """What a source says of a dosing visit that was missed or comes late. Staff read it; it decides nothing.

    It is about the visits `first` to `last` of `series` (None: to its end). A visit is late from `late_by` days (hours,
    working days: the unit of its spacing) beyond the longest spacing. `protocol` is the key of one to go on with.
    """

    series: str
    advice: str
    source: str
    first: int = 1
    last: int | None = None
    late_by: int = 1
    protocol: str = ""

    def is_about(self, action: Action) -> bool:
        """Tell whether a missed or late visit of this action is meant."""
        position = action.position
        if action.series != self.series or position is None or action.dosing is None:
            return False
        return self.first <= position and (self.last is None or position <= self.last)


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan definition: actions in an order in which each follows the one its offset names."""

    key: str
    version: int
    title: str
    description: str
    source: str
    actions: tuple[Action, ...]
    requirements: tuple[RequirementDefinition, ...] = ()
    preparations: tuple[Preparation, ...] = ()
    missed_doses: tuple[MissedDose, ...] = ()

    def action(self, key: str) -> Action:
        """Return the action with this key. Raises KeyError."""
        for action in self.actions:
            if action.key == key:
                return action
        raise KeyError(key)

    def requirement(self, key: str) -> RequirementDefinition:
        """Return the requirement with this key. Raises KeyError."""
        for requirement in self.requirements:
            if requirement.key == key:
                return requirement
        raise KeyError(key)

    def without(self, keys: Container[str]) -> Plan:
        """Return the plan without these actions.

        What followed one of them follows the nearest earlier action that stays: at its own shortest gap or more, at
        best after both gaps together. Where none stays it follows nothing.
        """
        offsets: dict[str, Offset | None] = {}
        kept: list[Action] = []
        for action in self.actions:
            offset = action.offset
            if offset is not None and offset.after in keys:
                offset = offset.following(offsets[offset.after])
            offsets[action.key] = offset
            if action.key not in keys:
                before = None if action.before in keys else action.before
                kept.append(replace(action, offset=offset, before=before))
        return replace(self, actions=tuple(kept))

    def at(self, site: int | None) -> Plan:
        """Return the plan with all of its visits at a site; None leaves them as they are."""
        if site is None:
            return self
        return replace(self, actions=tuple(replace(action, site=site) for action in self.actions))

    def with_site(self, key: str, site: int | None) -> Plan:
        """Return the plan with one of its visits at another site."""
        if all(action.key != key or action.site == site for action in self.actions):
            return self
        moved = (replace(action, site=site) if action.key == key else action for action in self.actions)
        return replace(self, actions=tuple(moved))

    @property
    def firm(self) -> tuple[Action, ...]:
        """The actions that are booked, in order."""
        return tuple(action for action in self.actions if not action.proposed)
