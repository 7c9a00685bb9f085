"""Who could take an opened time: those whose own course stays right, and what else of theirs would move.

A candidate is exact: it was planned as it would be booked. Earlier is always earlier than what is booked, within the
patient's wishes and those of the course, and late enough for the patient's notice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy.orm import Session

from scheduler.domain.localtime import local_on, to_local
from scheduler.domain.planner.values import Placement
from scheduler.errors import Invalid, NoFitFound, RuleBroken, SlotTaken, WrongStatus
from scheduler.models.clinic import Clinic
from scheduler.models.opening import Opening
from scheduler.models.waitlist import WaitlistEntry
from scheduler.services.actors import Actor
from scheduler.services.clinic import sites
from scheduler.services.planning import assignments, proposals
from scheduler.services.planning.course_rules import without_course
from scheduler.services.planning.placing import place
from scheduler.services.planning.wishes import CourseRequest
from scheduler.services.visit.moves import Move, MovePlanner
from scheduler.services.waitlist.entries import waiting

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
STEP = timedelta(minutes=5)
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


def candidates(
    session: Session,
    actor: Actor,
    opening: Opening,
    now: datetime,
    most: int | None = None,
    without: Sequence[int] = (),
) -> list[Candidate]:
    """Return who could take the opened time, the best first, at most so many; not the entries with these ids.

    First the most urgent, then who needs the fewest moves of other visits, gains the most days, has waited longest.
    """
    found = []
    for entry in waiting(session, actor.clinic, now):
        if entry.id in without:
            continue
        one = _fits(session, actor, entry, opening, now)
        if one is not None:
            found.append(one)
    found.sort(
        key=lambda one: (
            one.entry.priority.rank,
            len(one.moves),
            -one.days_gained,
            one.entry.created_at,
            one.entry.id,
        )
    )
    return found[:most]


def fits_at(
    session: Session, actor: Actor, entry: WaitlistEntry, start: datetime, now: datetime
) -> Candidate | None:
    """Return the candidate for this very start; None where it does not fit."""
    visit, definition = entry.appointment, entry.plan_definition
    try:
        if visit is not None:
            scope = "following" if visit.care_plan is not None else "one"
            moves = tuple(MovePlanner(session, actor, visit, now, scope=scope).plan(start))
            return Candidate(
                entry,
                start,
                moves,
                tuple(one.visit for one in moves),
                _days(actor.clinic, start, visit.start_at),
            )
        if definition is None:
            return None
        if entry.action:
            action = definition.plan.action(entry.action)
            if without_course(action):
                return None
            site = sites.usual(session, actor.clinic, entry.patient)
            action = assignments.placed_at(action, site)
            return Candidate(entry, start, (), (place(session, actor, entry.patient, action, start, now),), 0)
        proposed = proposals.propose(session, actor, course_wishes(session, actor.clinic, entry, start), now)
        return Candidate(entry, start, (), proposed[0].visits, 0)
    except REFUSED:
        return None


def course_wishes(session: Session, clinic: Clinic, entry: WaitlistEntry, start: datetime) -> CourseRequest:
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
        site=sites.usual(session, clinic, entry.patient),
    )


def _fits(
    session: Session, actor: Actor, entry: WaitlistEntry, opening: Opening, now: datetime
) -> Candidate | None:
    """Return the candidate for the earliest start within the opening that fits."""
    for start in _starts(actor.clinic, entry, opening, now):
        found = fits_at(session, actor, entry, start, now)
        if found is not None:
            return found
    return None


def _starts(clinic: Clinic, entry: WaitlistEntry, opening: Opening, now: datetime) -> Iterator[datetime]:
    """Yield the starts within the opening that the patient wants and hears of early enough, in order."""
    start = max(opening.start_at, now + timedelta(hours=entry.notice_hours))
    start += -(start - EPOCH) % STEP
    while start < opening.end_at:
        if wants(clinic, entry, start):
            yield start
        start += STEP


def wants(clinic: Clinic, entry: WaitlistEntry, start: datetime) -> bool:
    """Tell whether a start is within what the entry asks for, its notice apart."""
    visit, local = entry.appointment, to_local(start, clinic.zone)
    if visit is not None and start >= visit.start_at:
        return False
    if entry.until_on is not None and local.date() > entry.until_on:
        return False
    if entry.weekdays and local.isoweekday() not in entry.weekdays:
        return False
    if entry.earliest is not None and local.time() < entry.earliest:
        return False
    return entry.latest is None or local.time() <= entry.latest


def _days(clinic: Clinic, start: datetime, present: datetime) -> int:
    return (local_on(present, clinic.zone) - local_on(start, clinic.zone)).days
