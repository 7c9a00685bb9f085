"""Who could take an opened time, the slow way: everyone who waits is planned at every start, by the service that books.

It shares neither the quick test nor what is read at once with the service that is tested.
"""

from datetime import UTC, datetime, timedelta

from scheduler.domain.localtime import local_on, to_local
from scheduler.domain.planner import wishes_of
from scheduler.errors import Refusal
from scheduler.services.visit.moves import MovePlanner, Trial
from scheduler.services.waitlist.entries import waiting
from scheduler.services.waitlist.who_fits import Candidate, fits_at

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
STEP = timedelta(minutes=5)


def every_candidate(session, actor, opening, now):
    """Return the candidates, the best first."""
    found = []
    for entry in waiting(session, actor.clinic, now):
        moves = planner(session, actor, entry, now)
        for start in starts(actor, entry, opening, now):
            one = moved(entry, moves, start) if moves else fits_at(session, actor, entry, start, now)
            if one is not None:
                found.append(one)
                break
    return sorted(
        found,
        key=lambda one: (
            one.entry.priority.rank,
            len(one.moves),
            -one.days_gained,
            one.entry.created_at,
            one.entry.id,
        ),
    )


def planner(session, actor, entry, now):
    """Return what plans the moves of an entry's visit; it reads the course once for all starts."""
    visit = entry.appointment
    if visit is None:
        return None
    scope = "following" if visit.care_plan is not None else "one"
    return MovePlanner(session, actor, visit, now, scope=scope)


def moved(entry, moves, start):
    zone = moves.actor.clinic.zone
    if moves.follows and not wishes_of(moves.course.request, moves.action).allow(to_local(start, zone)):
        return None
    try:
        planned = tuple(moves.plan(start, trial=Trial(nearby=False)))
    except Refusal:
        return None
    gained = (local_on(moves.appointment.start_at, zone) - local_on(start, zone)).days
    return Candidate(entry, start, planned, tuple(one.visit for one in planned), gained)


def starts(actor, entry, opening, now):
    start = max(opening.start_at, now + timedelta(hours=entry.notice_hours))
    start += -(start - EPOCH) % STEP
    while start < opening.end_at:
        if wants(actor, entry, start):
            yield start
        start += STEP


def wants(actor, entry, start):
    visit, local = entry.appointment, to_local(start, actor.clinic.zone)
    if visit is not None and start >= visit.start_at:
        return False
    if entry.until_on is not None and local.date() > entry.until_on:
        return False
    if entry.weekdays and local.isoweekday() not in entry.weekdays:
        return False
    if entry.earliest is not None and local.time() < entry.earliest:
        return False
    return entry.latest is None or local.time() <= entry.latest


def told(found):
    """Return what must be equal: who, when, what moves where, and how much is gained. Who treats may differ."""
    return [
        (
            one.entry.id,
            one.start,
            sorted((move.appointment.id, move.visit.start) for move in one.moves),
            sorted((visit.action, visit.start) for visit in one.visits),
            one.days_gained,
        )
        for one in found
    ]
