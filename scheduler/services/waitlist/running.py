"""The waitlist's part of the clock: what ends by itself, and the offers that a clinic lets it make."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from scheduler.models.clinic import Clinic
from scheduler.services.waitlist import entries, offering, openings


def due_clinics(session: Session, now: datetime) -> Sequence[int]:
    """Return the ids of the clinics where someone waits or something is open, in order."""
    return sorted({*entries.due_clinics(session, now), *openings.due_clinics(session, now)})


def run(session: Session, clinic: Clinic, now: datetime) -> int:
    """End what is over, then offer what is open to the next; return how many offers were made."""
    entries.end_due(session, clinic, now)
    offering.end_waves(session, clinic, now)
    openings.close_due(session, clinic, now)
    return offering.offer_by_itself(session, clinic, now)
