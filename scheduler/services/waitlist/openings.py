"""Time that got free: what is open now, and closing what is not.

An opening stays open while its place is free for at least a quarter of an hour of it; the clock closes the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload, selectinload

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
from scheduler.services.freed_time import LEAST
from scheduler.services.trail import audit

DEEPEST = 3  # accepted offers in a row, each of which leaves a later time


def find(session: Session, clinic: Clinic, public_id: str, *, lock: bool = False) -> Opening:
    """Return the clinic's opening with this id; `lock` lets only one writer at it. Raises NotFound."""
    query = select(Opening).where(Opening.clinic_id == clinic.id, Opening.public_id == public_id)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    opening = session.scalar(query)
    if opening is None:
        raise NotFound
    return opening


def listed(session: Session, clinic: Clinic, now: datetime) -> list[Opening]:
    """Return what is open now, the next in time first. The number of queries is fixed."""
    query = (
        select(Opening)
        .where(Opening.clinic_id == clinic.id, Opening.closed_at.is_(None), Opening.end_at > now)
        .options(
            joinedload(Opening.appointment).joinedload(Appointment.location),
            selectinload(Opening.offers).joinedload(Offer.entry).joinedload(WaitlistEntry.patient),
        )
        .order_by(Opening.start_at, Opening.id)
    )
    found = list(session.scalars(query))
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
    places = set(session.scalars(select(Location.resource_id).where(Location.clinic_id == clinic.id)))
    taken = select(
        Allocation.resource_id, Allocation.start_at, Allocation.end_at, Allocation.opening_id
    ).where(
        Allocation.clinic_id == clinic.id,
        Allocation.released_at.is_(None),
        Allocation.start_at < max(one.end_at for one in ahead),
        Allocation.end_at > min(one.start_at for one in ahead),
        Allocation.resource_id.in_({key for one in ahead for key in one.resource_ids if key in places}),
    )
    used = [(key, Window(start, end), owner) for key, start, end, owner in session.execute(taken)]
    for opening in ahead:
        own = {key for key in opening.resource_ids if key in places}
        whole = Window(max(opening.start_at, now), opening.end_at)
        busy = [window for key, window, owner in used if key in own and owner != opening.id]
        if own and all(part.length < LEAST for part in subtract([whole], busy)):
            gone[opening.id] = OpeningOutcome.TAKEN
    return gone
