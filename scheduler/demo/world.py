"""What everything in the demo's past needs: the session, who acts, the timeline, the days that matter."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

from sqlalchemy.orm import Session

from scheduler.demo.clinic import Cast
from scheduler.demo.timeline import EventQueue
from scheduler.domain.localtime import to_utc


@dataclass(frozen=True)
class World:
    """`now` is when the demo is loaded, `lively_on` the clinic's day that must show life."""

    session: Session
    cast: Cast
    now: datetime
    lively_on: date
    timeline: EventQueue = field(default_factory=EventQueue)
    told: Counter[str] = field(default_factory=Counter)

    def at(self, day: date, clock: time) -> datetime:
        """Return the instant of a wall-clock time of the clinic."""
        return to_utc(datetime.combine(day, clock), self.cast.clinic.zone)

    def past(self, at: datetime, before: timedelta = timedelta(minutes=5)) -> datetime:
        """Return an instant, or one a little before now if it is later than that."""
        return min(at, self.now - before)
