"""Moving visits: the consequences are shown first, then done in one transaction with one mail.

A move keeps the row and its uid, releases its own time first, and resets the patient's answer. `scope` "one" moves
this visit alone; "following" lets the planner move the fewest later visits that restore the protocol. Nothing that has
begun is ever moved.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from types import MappingProxyType

from sqlalchemy.orm import Session

from scheduler.domain import planner
from scheduler.domain.localtime import local_on
from scheduler.domain.planner.values import NoFit, Placement, Violation
from scheduler.domain.plans import Role
from scheduler.domain.status import STEP_REFUSALS, STEPS
from scheduler.errors import Invalid, NoFitFound, Refusal, RuleBroken, SlotTaken, WrongStatus
from scheduler.models.allocation import Allocation, of_appointment
from scheduler.models.appointment import Appointment
from scheduler.models.care_plan import CarePlan
from scheduler.models.clinic import Clinic
from scheduler.models.location import Where
from scheduler.models.patient import Patient
from scheduler.models.practitioner import Practitioner
from scheduler.services.account.overrides import may_override
from scheduler.services.account.permissions import allowed
from scheduler.services.actors import Actor
from scheduler.services.planning import assignments, course_rules, rules
from scheduler.services.planning.courses import (
    OngoingCourse,
    along_with,
    latest,
    steps_before,
    under_way,
    with_lengths,
)
from scheduler.services.planning.dosing_days import dosing_rows
from scheduler.services.planning.placing import DayCalendars, place
from scheduler.services.planning.proposals import no_fit
from scheduler.services.planning.visit_rows import People, action_of
from scheduler.services.visit.changes import Changes, changing, release_expired
from scheduler.services.visit.judge import DosingDays

SCOPES = ("one", "following")
ASKED = "requested"
NOTHING: Mapping[int, int] = MappingProxyType({})
WHY = {
    "follows": "keeps the spacing",
    "resources": "other staff or room, same time",
    "placed": "booked again",
}


@dataclass(frozen=True)
class Move:
    """A visit, where it goes, and why. Where it comes from is still on the appointment until the move is applied."""

    appointment: Appointment
    visit: Placement
    why: str


@dataclass(frozen=True)
class Trial:
    """How one of many starts is tried.

    `nearby` never moves the line of the course; `spaced` is False for a start that is known to be outside the spacing.
    """

    nearby: bool
    spaced: bool = True


def plan_move(
    session: Session,
    actor: Actor,
    appointment: Appointment,
    start: datetime,
    now: datetime,
    location: Where | None = None,
    practitioners: Sequence[Practitioner] | None = None,
    scope: str = "one",
    override_reason: str = "",
) -> list[Move]:
    """Return the moves that it takes, the asked-for one first; nothing is written.

    The visit keeps its site, and its place and people where they are free, unless others are given. Raises WrongStatus
    for a visit that has begun, Invalid or NoFitFound when it cannot be there, RuleBroken when the course's gaps would
    break or two dosing visits would be too close.
    """
    release_expired(session, actor.clinic, now)
    planner_of_moves = MovePlanner(session, actor, appointment, now, location, practitioners, scope)
    return planner_of_moves.plan(start, override=may_override(actor, override_reason))


class MovePlanner:
    """Plans moves of one appointment. What they depend on is read once, so that many starts can be tried.

    With the scope "following", the visits beside the line that follow it (its check-in call, its therapy) move first;
    the line moves only where that is not enough.
    """

    def __init__(
        self,
        session: Session,
        actor: Actor,
        appointment: Appointment,
        now: datetime,
        location: Where | None = None,
        practitioners: Sequence[Practitioner] | None = None,
        scope: str = "one",
    ) -> None:
        self.session, self.actor, self.appointment, self.now = session, actor, appointment, now
        self.where, self.practitioners, self.scope = location, practitioners, scope
        self._require()
        action = action_of(appointment)
        assignments.require(action, location, practitioners or ())
        self.action = assignments.placed_at(action, location)
        course = appointment.care_plan
        in_course = course is not None and appointment.id in {one.id for one in latest(course).values()}
        self.care_plan = course if in_course else None
        self.follows = scope == "following" and in_course
        self.days = DayCalendars(session, actor.clinic, appointment.patient, now, frozenset({appointment.id}))
        self._checked: dict[tuple[Placement, ...], list[Violation]] = {}

    def _require(self) -> None:
        """Raise unless the appointment can get another time."""
        appointment = self.appointment
        if self.scope not in SCOPES:
            raise Invalid([("scope", f"must be one of {', '.join(SCOPES)}")])
        if appointment.status not in STEPS["reschedule"]:
            status = appointment.status.words
            raise WrongStatus(f"{appointment.title} is {status}: {STEP_REFUSALS['reschedule']}")
        if appointment.start_at <= self.now:
            raise WrongStatus(f"{appointment.title} has begun: it cannot be moved")

    @cached_property
    def unplaced(self) -> Mapping[str, Appointment]:
        """Visits without a time that get one: none for a move."""
        return {}

    @property
    def given(self) -> list[int]:
        """The resource ids of the place and the people that were asked for."""
        place = assignments.one_place(self.where)
        return [one.resource_id for one in (place, *(self.practitioners or ())) if one is not None]

    @property
    def is_elsewhere(self) -> bool:
        """Tell whether another place or site is asked for than the visit has."""
        present = self.appointment.location
        return self.where not in (None, present, present.site if present else None)

    def plan(self, start: datetime, *, override: bool = False, trial: Trial | None = None) -> list[Move]:
        """Return the moves for a start; `override` breaks soft rules.

        Raises as `plan_move` does. A refused `trial` gives no reasons.
        """
        if start < self.now:
            raise Invalid([("start", "is in the past")])
        moves = self._following(start, override, trial) if self.follows else []
        if not moves:
            moves = [Move(self.appointment, self._place(start), ASKED)]
            rules.refuse(self.broken(moves), override=override)
        return moves

    def broken(self, moves: Sequence[Move]) -> Sequence[Violation]:
        """Return the rules that these moves break and that were kept before. Raises SlotTaken where they collide."""
        visits = tuple(one.visit for one in moves)
        if visits not in self._checked:
            self._checked[visits] = self._check(moves)
        return self._checked[visits]

    def _check(self, moves: Sequence[Move]) -> list[Violation]:
        zone = self.actor.clinic.zone
        days = {one.appointment: local_on(one.visit.start, zone) for one in moves}
        new = [(action_of(row), on) for row, on in days.items() if row in self.unplaced.values()]
        course_id = self.care_plan.id if self.care_plan else None
        found = self.dosing.broken({row.id: on for row, on in days.items()}, new, course_id)
        if self.care_plan is None:
            return found
        course = self.course
        after = {**course.visits, **{one.visit.action: one.visit for one in moves}}
        request = rules.by_hand(course.request)
        all_broken = planner.check(request, course.calendar, list(after.values()), now=self.now)
        news = [one for one in all_broken if one not in self._broken_before]
        if any(one.rule in rules.LEFT_TO_OCCUPY for one in news):
            raise SlotTaken(conflicts=[])
        if self.follows:  # a start that a person chose is not held to the clinic's notice
            news = [one for one in news if one.rule != "notice"]
        order = course_rules.order_broken(self.actor, self._care_plan, course.visits, after)
        return [*news, *order, *found]

    @cached_property
    def course(self) -> OngoingCourse:
        """The whole course, any visit of which may move."""
        return self._under_way(None)

    @cached_property
    def beside(self) -> OngoingCourse:
        """The course in which only the visit may move, and those beside the line that follow it."""
        return self._under_way(along_with(self._care_plan.plan_definition.plan, self.appointment.action))

    @cached_property
    def dosing(self) -> DosingDays:
        return DosingDays(self.actor, dosing_rows(self.session, self.appointment.patient), self.now)

    @cached_property
    def _broken_before(self) -> list[Violation]:
        course = self.course
        request = rules.by_hand(course.request)
        return planner.check(request, course.calendar, list(course.visits.values()), now=self.now)

    @property
    def _care_plan(self) -> CarePlan:
        if self.care_plan is None:
            raise ValueError("the visit has no place in a course")
        return self.care_plan

    def _under_way(self, only: Collection[str] | None) -> OngoingCourse:
        course = self._read(only)
        plan = course.request.plan.with_site(self.action.key, self.action.site)
        if not self.unplaced:
            return replace(course, request=replace(course.request, plan=plan))
        before = steps_before(plan, self.appointment.action)  # those stay, as with a move
        request = replace(
            course.request,
            pinned={key: course.visits[key].start for key in before if key in course.visits},
            done={key: done for key, done in course.request.done.items() if key not in self.unplaced},
            plan=with_lengths(plan, self.unplaced).with_site(self.action.key, self.action.site),
        )
        return replace(course, request=request)

    def _read(self, only: Collection[str] | None) -> OngoingCourse:
        return under_way(self.session, self.actor, self._care_plan, self.now, only)

    def _used(self) -> Sequence[Allocation]:
        return of_appointment(self.session, self.appointment.id)

    def _following(self, start: datetime, override: bool, trial: Trial | None) -> list[Move]:
        """Return the asked-for move and the fewest others that keep the course's rules. Raises NoFitFound.

        Nothing when the visit follows one that has no time yet (a later booster): then it has no place in the course.
        """
        explain = trial is None
        refused: Refusal = RuleBroken("Other visits would be outside their spacing")
        if not override or trial is None or trial.spaced:
            try:
                return self._judged(self.beside, start, explain=explain)
            except (NoFitFound, RuleBroken, SlotTaken) as one:
                refused = one
        if override:
            try:
                moves = self._judged(self.beside, start, bend=True, explain=explain)
                if self._breaks_only_its_own(moves):
                    return moves
            except (NoFitFound, RuleBroken, SlotTaken) as one:
                refused = one
        if trial is not None and trial.nearby:
            raise refused
        return self._judged(self.course, start, bend=override, explain=explain)

    def _judged(
        self, course: OngoingCourse, start: datetime, *, bend: bool = False, explain: bool = True
    ) -> list[Move]:
        moves = self._reflow(course, start, bend, explain)
        if moves:
            moves[0] = self._as_given(moves)
            rules.refuse(self.broken(moves), override=bend)
        return moves

    def _breaks_only_its_own(self, moves: Sequence[Move]) -> bool:
        """Tell whether no other visit is left outside its spacing: then the line of the course stays."""
        return all(one.action == self.appointment.action for one in self.broken(moves))

    def _reflow(
        self, course: OngoingCourse, start: datetime | None, bend: bool, explain: bool = True
    ) -> list[Move]:
        moved = {} if start is None else {self.appointment.action: start}
        try:
            result = planner.reflow(
                course.request,
                course.visits,
                moved,
                course.calendar,
                course.weights,
                now=self.now,
                keep=course.keep,
                bend=bend,
                explain=explain,
            )
        except NoFit as refused:
            raise no_fit(refused) from refused
        placed = {visit.action: visit for visit in result.proposal.visits}
        own = self.appointment.action
        if own not in placed:
            return []
        rows = {**course.rows, **self.unplaced}
        others = [
            Move(rows[move.action], placed[move.action], WHY[move.why])
            for move in result.moves
            if move.action != own and move.action in rows and move.why in WHY
        ]
        return [Move(self.appointment, placed[own], ASKED), *others]

    def _as_given(self, moves: Sequence[Move]) -> Move:
        """Return the first of the moves with the place and the people that were asked for."""
        if self.where is None and self.practitioners is None:
            return moves[0]
        going = frozenset(move.appointment.id for move in moves)
        return Move(self.appointment, self._place(moves[0].visit.start, going), ASKED)

    def _place(self, start: datetime, going: frozenset[int] = frozenset()) -> Placement:
        """Find the visit's resources at its new start: the given ones, else its own place and people, else any.

        Nurses are not kept: who watches is the day's matter. `going` are other visits whose time counts as free.
        """
        kept = {row.resource_id for row in self._used() if is_kept(row.role, self.where, self.practitioners)}
        releasing = going | {self.appointment.id}
        days = self.days if releasing == self.days.releasing else None
        for chosen in ([*self.given, *sorted(kept)], self.given):
            try:
                return place(
                    self.session,
                    self.actor,
                    self.appointment.patient,
                    self.action,
                    start,
                    self.now,
                    chosen,
                    releasing,
                    days,
                )
            except NoFitFound:
                if chosen == self.given:
                    raise
        raise AssertionError("the last try returns or raises")


def judge(
    actor: Actor, course: OngoingCourse, after: Mapping[str, Placement], now: datetime, override_reason: str
) -> list[Violation]:
    """Return what an override breaks; raise RuleBroken when the course would break gaps that it keeps now.

    The patient's wishes do not bind a person who moves visits.
    """
    before, to_come = list(course.visits.values()), list(after.values())
    order = [
        one
        for care_plan in {row.care_plan for row in course.rows.values() if row.care_plan}
        for one in course_rules.order_broken(actor, care_plan, course.visits, after)
    ]
    return rules.check_change(
        actor, course.request, course.calendar, before, to_come, now, override_reason, order
    )


def apply_moves(
    session: Session,
    actor: Actor,
    moves: Sequence[Move],
    now: datetime,
    reason: str = "",
    undone: Mapping[int, int] = NOTHING,
    override_reason: str = "",
) -> None:
    """Write the moves in one go, with one mail for each patient. Raises SlotTaken and leaves nothing half done.

    `undone` are the events that these moves undo, by visit. An `override_reason` is kept, and marked as one, in
    the history of each visit.
    """
    if not moves:
        return
    if not allowed(actor, "override"):  # who may not override a rule gives a reason like any other
        reason, override_reason = reason or override_reason, ""
    with changing(session, actor, now, wanted=wanted(moves), override_reason=override_reason) as change:
        write(change, moves, reason, undone, override_reason)


def wanted(moves: Sequence[Move]) -> list[tuple[Patient, list[Placement]]]:
    """Return what the moves will use, by patient."""
    return [(patient, [move.visit for move in theirs]) for patient, theirs in by_patient(moves)]


def write(
    change: Changes,
    moves: Sequence[Move],
    reason: str = "",
    undone: Mapping[int, int] = NOTHING,
    override_reason: str = "",
) -> None:
    """Move appointments as part of a larger change."""
    people = People(change.session, change.actor.clinic, [move.visit for move in moves])
    for move in moves:
        row, start = move.appointment, move.appointment.start_at
        change.put(row, move.visit, people)
        also: dict[str, tuple[object, object]] = {"start": (start, row.start_at)}
        kind = "reschedule"
        if row.id in undone:
            kind, also["event"] = "undo", (undone[row.id], None)
        if override_reason:
            also["override"] = (None, True)
        change.note(row, kind, override_reason or reason or move.why, "appointment.moved", also=also)


def new_sites(session: Session, clinic: Clinic, moves: Sequence[Move]) -> dict[int, str]:
    """Return the names of the sites to which visits go that are at another one now, by visit."""
    people = People(session, clinic, [move.visit for move in moves])
    found = {}
    for move in moves:
        before, after = move.appointment.location, people.locations.get(move.visit.location_id or 0)
        if before is not None and after is not None and before.site is not after.site:
            found[move.appointment.id] = after.site.name
    return found


def by_patient(moves: Sequence[Move]) -> list[tuple[Patient, list[Move]]]:
    """Return the moves of each patient, in order of the first."""
    groups: dict[int, tuple[Patient, list[Move]]] = {}
    for move in moves:
        patient = move.appointment.patient
        groups.setdefault(patient.id, (patient, []))[1].append(move)
    return list(groups.values())


def is_kept(
    role: str, location: Where | None = None, practitioners: Sequence[Practitioner] | None = None
) -> bool:
    """Tell whether a visit that moves keeps what it has in this role, where nothing else was given."""
    if role in (Role.CHAIR, Role.ROOM):
        return location is None
    return role in (Role.THERAPIST, Role.PRESCRIBER) and practitioners is None
