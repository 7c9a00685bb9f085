"""Time that got free: what is open now, and closing what is not.

An opening stays open while its place is open and free for at least a quarter of an hour of it, or the clinic is open
where it names no place; the clock closes the others.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, joinedload, selectinload

from scheduler.domain.localtime import local_on
from scheduler.domain.windows import Window, subtract
from scheduler.errors import NotFound, WrongStatus
from scheduler.models.allocation import Allocation
from scheduler.models.appointment import Appointment
from scheduler.models.clinic import Clinic
from scheduler.models.location import Location
from scheduler.models.opening import Offer, Opening, OpeningOutcome
from scheduler.models.versions import raise_versions
from scheduler.models.waitlist import WaitlistEntry
from scheduler.services.actors import Actor
from scheduler.services.clinic.open_times import OpenTimes
from scheduler.services.freed_time import LEAST
from scheduler.services.locks import hold_hours
from scheduler.services.trail import audit

LONGEST = timedelta(days=1)  # no visit is longer
DEEPEST = 3  # accepted offers in a row, each of which leaves a later time


def find(session: Session, clinic: Clinic, public_id: str, *, lock: bool = False) -> Opening:
    """Return the clinic's opening with this id; `lock` lets only one writer at it. Raises NotFound."""
    query = select(Opening).where(Opening.clinic_id == clinic.id, Opening.public_id == public_id)
    if lock:
        hold_hours(session, clinic.id)  # before any other lock, as everywhere
        query = query.with_for_update().execution_options(populate_existing=True)
    opening = session.scalar(query)
    if opening is None:
        raise NotFound
    return opening


def listed(session: Session, clinic: Clinic, now: datetime) -> list[Opening]:
    """Return what is open now, the next in time first. The number of queries is fixed."""
    query = not_ended(clinic, now).order_by(Opening.start_at, Opening.id)
    return still_open(session, clinic, list(session.scalars(query)), now)


def not_ended(clinic: Clinic, now: datetime) -> Select[Opening]:
    """Return the query for the openings that may be open still, with what is shown of them."""
    entry = selectinload(Opening.offers).joinedload(Offer.entry)
    return (
        select(Opening)
        .where(Opening.clinic_id == clinic.id, Opening.closed_at.is_(None), Opening.end_at > now)
        .options(
            joinedload(Opening.appointment).joinedload(Appointment.location),
            entry.joinedload(WaitlistEntry.patient),
            entry.joinedload(WaitlistEntry.appointment),
        )
    )


def still_open(session: Session, clinic: Clinic, found: Sequence[Opening], now: datetime) -> list[Opening]:
    """Return those of these openings that help someone. The number of queries is fixed."""
    gone = _why_gone(session, clinic, found, now)
    return [one for one in found if one.id not in gone]


def of_visit(session: Session, visit: Appointment, now: datetime) -> Opening | None:
    """Return the latest open opening that a visit left."""
    query = select(Opening).where(
        Opening.appointment_id == visit.id, Opening.closed_at.is_(None), Opening.end_at > now
    )
    return session.scalars(query.order_by(Opening.id.desc())).first()


def require_open(opening: Opening, now: datetime) -> None:
    """Raise WrongStatus for an opening that has ended."""
    if opening.closed_at is not None or opening.end_at <= now:
        raise WrongStatus("This time is no longer open")


def close(session: Session, actor: Actor, opening: Opening, outcome: OpeningOutcome, now: datetime) -> None:
    """End an opening, and note why. Its offers and what it holds are the caller's matter."""
    opening.closed_at, opening.outcome, opening.held_until = now, outcome, None
    audit.record(session, actor, f"opening.{outcome.value}", opening, now)
    raise_versions(session, opening.clinic_id, [], now)


def due_clinics(session: Session, now: datetime) -> Sequence[int]:  # noqa: ARG001  (as every job asks)
    """Return the ids of the clinics with an opening that has not ended, in order."""
    return sorted(session.scalars(select(Opening.clinic_id).where(Opening.closed_at.is_(None)).distinct()))


def close_due(session: Session, clinic: Clinic, now: datetime) -> int:
    """End the openings that are past or taken otherwise and are not offered; return how many."""
    query = select(Opening).where(
        Opening.clinic_id == clinic.id, Opening.closed_at.is_(None), Opening.held_until.is_(None)
    )
    found = list(session.scalars(query.order_by(Opening.id)))
    actor = Actor(clinic, None, None, "clock")
    gone = _why_gone(session, clinic, found, now)
    for opening in found:
        if opening.id in gone:
            close(session, actor, opening, gone[opening.id], now)
    return len(gone)


def _why_gone(
    session: Session, clinic: Clinic, openings: Sequence[Opening], now: datetime
) -> dict[int, OpeningOutcome]:
    """Return those of these openings that help no one any more, by id, and why."""
    gone = {one.id: OpeningOutcome.PAST for one in openings if one.end_at - now < LEAST}
    ahead = [one for one in openings if one.id not in gone]
    if not ahead:
        return gone
    places = _places(session, clinic)
    first, last = min(one.start_at for one in ahead), max(one.end_at for one in ahead)
    times = OpenTimes(session, clinic, first, last)
    taken = select(
        Allocation.resource_id, Allocation.start_at, Allocation.end_at, Allocation.opening_id
    ).where(
        Allocation.clinic_id == clinic.id,
        Allocation.released_at.is_(None),
        Allocation.start_at < last,
        Allocation.end_at > first,
        Allocation.resource_id.in_({key for one in ahead for key in one.resource_ids if key in places}),
    )
    used: dict[int, list[tuple[Window, int | None]]] = defaultdict(list)
    for key, start, end, owner in session.execute(taken.order_by(Allocation.start_at)):
        used[key].append((Window(start, end), owner))
    for opening in ahead:
        own = {key for key in opening.resource_ids if key in places}
        usable = _usable(times, opening, own or set(opening.resource_ids), now)
        busy = [
            window
            for key in own
            for window, owner in _around(used[key], opening.window)
            if owner != opening.id
        ]
        if not all(places[key] for key in own) or _is_too_short(usable):
            gone[opening.id] = OpeningOutcome.CLOSED
        elif _is_too_short(subtract(usable, busy)):
            gone[opening.id] = OpeningOutcome.TAKEN
    return gone


def _around(used: Sequence[tuple[Window, int | None]], whole: Window) -> Sequence[tuple[Window, int | None]]:
    """Return those of these uses, in order of start, that can reach into a window."""
    first = bisect_left(used, whole.start - LONGEST, key=_start)
    return used[first : bisect_left(used, whole.end, key=_start)]


def _start(used: tuple[Window, int | None]) -> datetime:
    return used[0].start


def _places(session: Session, clinic: Clinic) -> dict[int, bool]:
    """Return the resources of a clinic's places, and whether each is still there."""
    query = select(Location).where(Location.clinic_id == clinic.id)
    return {one.resource_id: one.active for one in session.scalars(query)}


def _usable(times: OpenTimes, opening: Opening, keys: Collection[int], now: datetime) -> list[Window]:
    """Return what is left of an opening while all of these resources (none: the clinic) are open."""
    whole = [Window(max(opening.start_at, now), opening.end_at)]
    first, last = local_on(whole[0].start, times.zone), local_on(whole[0].end, times.zone)
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    for key in keys or (None,):
        is_open = [window for on in days for window in times.on(key, on)]
        whole = subtract(whole, subtract(whole, is_open))
    return whole


def _is_too_short(windows: Iterable[Window]) -> bool:
    return all(one.length < LEAST for one in windows)
