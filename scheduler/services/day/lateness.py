"""A patient who comes late: whether the visit still fits when it begins now, and what it would run into."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from scheduler.domain.plans import TICK
from scheduler.domain.status import LATE_AFTER
from scheduler.models.appointment import Appointment
from scheduler.models.clinic import Clinic
from scheduler.services.planning import obstacles
from scheduler.services.planning.obstacles import THE_PATIENT, Obstacle


@dataclass(frozen=True)
class Lateness:
    """A visit that begins late by `by`, a multiple of five minutes: from `start` to `end`, if nothing is in its way."""

    by: timedelta
    start: datetime
    end: datetime
    obstacles: tuple[Obstacle, ...]

    @property
    def minutes(self) -> int:
        return self.by // timedelta(minutes=1)

    @property
    def fits(self) -> bool:
        return not self.obstacles

    @property
    def behind(self) -> Obstacle | None:
        """What the visit runs into that could begin later: the next visit of a place or a person, not the patient's."""
        visits = (one for one in self.obstacles if one.visit and one.resource != THE_PATIENT)
        return next(visits, None)


def of_visit(session: Session, clinic: Clinic, appointment: Appointment, now: datetime) -> Lateness | None:
    """Return how late a visit would begin now; None unless it should have begun and is not over by plan."""
    late = appointment.start_at + LATE_AFTER <= now < appointment.end_at
    if not late or not appointment.status.is_waiting:
        return None
    by = -(-(now - appointment.start_at) // TICK) * TICK
    start, end = appointment.start_at + by, appointment.end_at + by
    found = obstacles.at(session, clinic, appointment, start, now)
    return Lateness(by, start, end, tuple(found))
