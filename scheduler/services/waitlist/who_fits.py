"""Who could take an opened time: those whose own course stays right, and what else of theirs would move.

A candidate is exact: it was planned as it would be booked. Earlier is always earlier than what is booked, within the
patient's wishes and those of the course, and late enough for the patient's notice. Most who wait are ruled out by the
planner's quick test; what the others need is read at once, and only who could be among the first is planned.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice

from sqlalchemy.orm import Session

from scheduler.domain import planner
from scheduler.domain.localtime import local_on, to_local
from scheduler.domain.planner import Chance, Gate, Waiting, wishes_of
from scheduler.domain.planner.openings.ranking import best_first
from scheduler.domain.planner.values import NoFit, Placement, Request
from scheduler.domain.plans import Action
from scheduler.domain.windows import Window
from scheduler.errors import Invalid, NoFitFound, RuleBroken, SlotTaken, WrongStatus
from scheduler.models.appointment import Appointment
from scheduler.models.clinic import Clinic
from scheduler.models.opening import Opening
from scheduler.models.plan_definition import PlanDefinition
from scheduler.models.site import Site
from scheduler.models.waitlist import WaitlistEntry
from scheduler.services.actors import Actor
from scheduler.services.clinic import planner_weights, sites
from scheduler.services.planning import assignments, proposals
from scheduler.services.planning.course_rules import second_courses, without_course
from scheduler.services.planning.dosing_days import apart_from
from scheduler.services.planning.placing import alone, place
from scheduler.services.planning.wishes import CourseRequest
from scheduler.services.visit.judge import too_close_to_booked
from scheduler.services.visit.moves import Move, MovePlanner, Trial
from scheduler.services.waitlist.entries import waiting
from scheduler.services.waitlist.loaded import LoadedDays, LoadedMoves, ReadOnce, load
from scheduler.services.waitlist.records import FirstRecords, notified_by, whole_record, wishes_of_entry

REFUSED = (Invalid, NoFitFound, RuleBroken, SlotTaken, WrongStatus)


@dataclass(frozen=True)
class Candidate:
    """Someone who could come at `start`. `moves` are what changes, the visit itself first; none: it would be booked.

    `visits` are the placements that all of it needs, `days_gained` how many days earlier the visit would be.
    """

    entry: WaitlistEntry
    start: datetime
    moves: tuple[Move, ...]
    visits: tuple[Placement, ...]
    days_gained: int

    @property
    def rank(self) -> tuple[float, ...]:
        """First the most urgent, then who needs the fewest moves, gains the most days, has waited longest."""
        return rank(self.entry, len(self.moves), self.days_gained)


def rank(entry: WaitlistEntry, moves: int, days_gained: int) -> tuple[float, ...]:
    return (entry.priority.rank, moves, -days_gained, entry.created_at.timestamp(), entry.id)


def candidates(
    session: Session,
    actor: Actor,
    opening: Opening,
    now: datetime,
    most: int | None = None,
    without: Sequence[int] = (),
    not_before: datetime | None = None,
) -> list[Candidate]:
    """Return who could take the opened time, the best first, at most so many; not the entries with these ids.

    The start is the earliest within the opening that fits, from `not_before` on. The visit that left the time is not
    asked back. The number of queries does not grow
    with who waits.
    """
    entries = [
        one
        for one in waiting(session, actor.clinic, now)
        if one.id not in without and not _left_it(one, opening)
    ]
    begins = max(opening.start_at, not_before or opening.start_at)
    if begins >= opening.end_at:
        return []
    opened = Window(begins, opening.end_at)
    return list(islice(_WhoFits(session, actor, entries, opened, now).best(), most))


def _left_it(entry: WaitlistEntry, opening: Opening) -> bool:
    return entry.appointment_id is not None and entry.appointment_id == opening.appointment_id


def one_each(found: Iterable[Candidate]) -> list[Candidate]:
    """Return the best of these candidates for each patient, in their order: no one is asked twice about one time."""
    best: dict[int, Candidate] = {}
    for one in found:
        best.setdefault(one.entry.patient_id, one)
    return list(best.values())


def fits_at(
    session: Session, actor: Actor, entry: WaitlistEntry, start: datetime, now: datetime
) -> Candidate | None:
    """Return the candidate for this very start; None where it does not fit."""
    visit, definition, patient = entry.appointment, entry.plan_definition, entry.patient
    try:
        if visit is not None:
            moves = MovePlanner(session, actor, visit, now, scope=_scope(visit))
            local = to_local(start, actor.clinic.zone)
            if moves.follows and not wishes_of(moves.course.request, moves.action).allow(local):
                return None
            return _moved(actor, entry, visit, start, moves)
        if definition is None:
            return None
        site = sites.usual(session, actor.clinic, patient)
        if entry.action:
            action = definition.plan.action(entry.action)
            if without_course(action):
                return None
            action = assignments.placed_at(action, site)
            return Candidate(entry, start, (), (place(session, actor, patient, action, start, now),), 0)
        wishes = course_wishes(actor.clinic, entry, start, site)
        first = definition.plan.firm[0]
        if not wishes_of(wishes.request(), first).allow(to_local(start, actor.clinic.zone)):
            return None
        if second_courses(session, patient, definition.plan):
            return None
        visits = proposals.propose(session, actor, wishes, now)[0].visits
        too_close = too_close_to_booked(session, actor, patient, definition.plan, visits, now)
        return None if too_close else Candidate(entry, start, (), visits, 0)
    except REFUSED:
        return None


def course_wishes(clinic: Clinic, entry: WaitlistEntry, start: datetime, site: Site) -> CourseRequest:
    """Return the wishes of a patient who waits for a course that begins at `start`. The entry names a protocol."""
    if entry.plan_definition is None:
        raise ValueError("the entry is about a booked visit")
    first = entry.plan_definition.plan.firm[0]
    return CourseRequest(
        patient=entry.patient,
        plan_definition=entry.plan_definition,
        not_before=local_on(start, clinic.zone),
        weekdays=frozenset(entry.weekdays),
        earliest=entry.earliest,
        latest=entry.latest,
        pinned={first.key: start},
        count=1,
        site=site,
    )


class _WhoFits:
    """Everybody who waits beside one opened time."""

    def __init__(
        self, session: Session, actor: Actor, entries: Sequence[WaitlistEntry], opened: Window, now: datetime
    ) -> None:
        self.session, self.actor, self.entries, self.opened, self.now = session, actor, entries, opened, now
        self.once = ReadOnce(session, actor, now)
        self.sites = sites.usual_of(session, actor.clinic, {one.patient_id for one in entries})
        visits = [one.appointment for one in entries if one.appointment is not None]
        self.first = FirstRecords(session, actor.clinic, visits, opened, now)
        self._moves: dict[int, LoadedMoves] = {}

    def best(self) -> Iterator[Candidate]:
        """Yield the candidates, the best first."""
        self.once.start_on(self.first.first_on)
        left = self._tested([self._first_record(key) for key in range(len(self.entries))])
        entries = [self.entries[one.waiting.key] for one in left]
        self.loaded = load(self.once, entries)
        chances = self._tested([self._whole_record(one.waiting.key) for one in left])
        return best_first(chances, self._least, self._candidate, lambda found: found.rank)

    def _tested(self, records: Sequence[Waiting | None]) -> list[Chance]:
        known = [one for one in records if one is not None]
        return Gate(known, self.once.calendar.taken, self.now).chances(self.opened) if known else []

    def _first_record(self, key: int) -> Waiting | None:
        entry = self.entries[key]
        if entry.appointment is not None:
            return self.first.of(entry, entry.appointment, key)
        request = self._request(entry)
        return None if request is None else self._to_book(key, request, ())

    def _whole_record(self, key: int) -> Waiting | None:
        entry, loaded = self.entries[key], self.loaded
        if entry.appointment is not None:
            with suppress(WrongStatus):
                moves = self._moves[key] = LoadedMoves(loaded, entry.appointment, _scope(entry.appointment))
                return whole_record(loaded, entry, moves, key)
            return None
        request = self._request(entry)
        if request is None:
            return None
        gives_drug = any(action.dosing for action in request.plan.firm)
        if gives_drug and not entry.action and loaded.has_course(entry.patient):
            return None
        return self._to_book(key, request, tuple(loaded.busy_windows(entry.patient)))

    def _to_book(self, key: int, request: Request, busy: tuple[Window, ...]) -> Waiting:
        entry, first = self.entries[key], request.plan.firm[0].key
        wishes, not_before = (wishes_of_entry(entry),), notified_by(entry, self.now)
        return planner.waiting(
            key, request, first, {}, wishes, now=self.now, not_before=not_before, busy=busy
        )

    def _request(self, entry: WaitlistEntry, start: datetime | None = None) -> Request | None:
        """Return what a patient without a booking asks for; a course begins at `start`, if that is known."""
        definition = entry.plan_definition
        if definition is None:
            return None
        if entry.action:
            action = self._action(entry)
            return None if without_course(action) else Request(alone(action), self.once.today)
        site = self.sites[entry.patient_id]
        request = course_wishes(self.actor.clinic, entry, start or self.opened.start, site).request()
        return request if start else replace(request, pinned={})

    def _action(self, entry: WaitlistEntry) -> Action:
        """Return the visit that a patient waits for, where the patient is treated."""
        action = _definition(entry).plan.action(entry.action or "")
        return assignments.placed_at(action, self.sites[entry.patient_id])

    def _least(self, chance: Chance) -> tuple[float, ...]:
        """Return a rank that the candidate does not fall below."""
        entry, start = self.entries[chance.waiting.key], chance.starts[0]
        visit = entry.appointment
        if visit is None:
            return rank(entry, 0, 0)
        return rank(entry, 1 + chance.moves, _days(self.actor.clinic, start, visit.start_at))

    def _candidate(self, chance: Chance) -> Candidate | None:
        """Return the candidate for the first of the starts that fits."""
        entry = self.entries[chance.waiting.key]
        find = self._moved if entry.appointment else self._placed if entry.action else self._started
        return find(entry, chance)

    def _moved(self, entry: WaitlistEntry, chance: Chance) -> Candidate | None:
        moves, starts = self._moves[chance.waiting.key], chance.starts
        if moves.follows:
            course, action = moves.course, moves.action.key
            starts = planner.fitting_starts(
                course.request, course.visits, action, starts, course.calendar, now=self.now
            )
        for start in starts:
            with suppress(*REFUSED):
                return _moved(self.actor, entry, moves.appointment, start, moves)
        return None

    def _placed(self, entry: WaitlistEntry, chance: Chance) -> Candidate | None:
        action, days = self._action(entry), LoadedDays(self.loaded, entry.patient)
        for start in chance.starts:
            with suppress(*REFUSED):
                visit = place(self.session, self.actor, entry.patient, action, start, self.now, days=days)
                return Candidate(entry, start, (), (visit,), 0)
        return None

    def _started(self, entry: WaitlistEntry, chance: Chance) -> Candidate | None:
        plan, weights = _definition(entry).plan, planner_weights.of(self.actor.clinic)
        not_on = apart_from(self.loaded.dosing.get(entry.patient_id, ()), plan, None)
        calendar = self.loaded.seen_by(self.once.calendar, entry.patient)
        wanted, first = self._request(entry), plan.firm[0].key
        if wanted is None:
            return None
        wanted = replace(wanted, not_on=not_on)
        for start in planner.fitting_starts(wanted, {}, first, chance.starts, calendar, now=self.now):
            on = local_on(start, self.actor.clinic.zone)
            request = replace(wanted, pinned={first: start}, not_before=on)
            with suppress(NoFit):
                proposal = planner.propose(request, calendar, weights, now=self.now)[0]
                return Candidate(entry, start, (), proposal.visits, 0)
        return None


def _scope(visit: Appointment) -> str:
    return "following" if visit.care_plan is not None else "one"


def _moved(
    actor: Actor, entry: WaitlistEntry, visit: Appointment, start: datetime, moves: MovePlanner
) -> Candidate:
    """Return the candidate for a start. Raises what MovePlanner.plan raises where it does not fit."""
    planned = tuple(moves.plan(start, trial=Trial(nearby=False)))
    gained = _days(actor.clinic, start, visit.start_at)
    return Candidate(entry, start, planned, tuple(one.visit for one in planned), gained)


def _days(clinic: Clinic, start: datetime, present: datetime) -> int:
    return (local_on(present, clinic.zone) - local_on(start, clinic.zone)).days


def _definition(entry: WaitlistEntry) -> PlanDefinition:
    if entry.plan_definition is None:
        raise ValueError("the entry is about a booked visit")
    return entry.plan_definition
