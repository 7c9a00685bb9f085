"""The waitlist as it is read: who waits, what was offered to them, and where."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from scheduler.models.clinic import Clinic
from scheduler.models.location import Location
from scheduler.models.opening import Offer
from scheduler.models.waitlist import WaitlistEntry
from scheduler.services.waitlist import entries


@dataclass(frozen=True)
class WaitlistRow:
    """One who waits, with the offers that were made, the first in front."""

    entry: WaitlistEntry
    offers: Sequence[Offer]


def with_offers(session: Session, clinic: Clinic, now: datetime) -> list[WaitlistRow]:
    """Return who waits, the most urgent first, then who has waited longest. The number of queries is fixed."""
    found = entries.waiting(session, clinic, now)
    made: Mapping[int, list[Offer]] = defaultdict(list)
    query = select(Offer).where(Offer.clinic_id == clinic.id, Offer.entry_id.in_([one.id for one in found]))
    for one in session.scalars(query.order_by(Offer.id)):
        made[one.entry_id].append(one)
    return [WaitlistRow(entry, made[entry.id]) for entry in found]


def place_names(session: Session, clinic: Clinic) -> dict[int, str]:
    """Return the names of chairs and rooms by the ids of their resources."""
    places = session.scalars(select(Location).where(Location.clinic_id == clinic.id))
    return {one.resource_id: one.name for one in places}
