"""Visits and closures ahead whose UTC time no longer matches their local time, because the rules of a zone changed.

They are found by comparing the two, and only read here; zone_rules.py brings them to where they belong.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload, selectinload

from scheduler.domain.localtime import AmbiguousTime, NonexistentTime, local_on, to_local, to_utc
from scheduler.domain.status import AHEAD
from scheduler.models import clinic as clinics
from scheduler.models.appointment import Appointment, Participant
from scheduler.models.clinic import Clinic
from scheduler.models.schedule import Closure

BEGUN = "under the new rules it would already have started"
TOGETHER = 40  # visits of several days in one part


@dataclass(frozen=True)
class Stray:
    """A visit whose UTC time is another local time than was agreed on: where it belongs, or why it stays."""

    appointment: Appointment
    start: datetime | None
    why: str = ""


@dataclass(frozen=True)
class Wanderer:
    """A visit ahead whose UTC time does not match its local time, as its columns say."""

    id: int
    start_at: datetime
    local_start: datetime
    zone: ZoneInfo

    @property
    def goes_earlier(self) -> bool:
        return self.local_start.replace(tzinfo=self.zone) < self.start_at


def strays(session: Session, clinic: Clinic, now: datetime) -> list[Stray]:
    """Return the visits ahead that have drifted, in order; nothing is written."""
    return as_they_are(session, [one.id for one in _wandered(session, clinic, now)], now)


def nearest(session: Session, clinic: Clinic, now: datetime, most: int) -> tuple[list[Stray], int]:
    """Return the nearest of these visits, and how many there are."""
    found = sorted(_wandered(session, clinic, now), key=lambda one: (one.start_at, one.id))
    return as_they_are(session, [one.id for one in found[:most]], now), len(found)


def count(session: Session, clinic: Clinic, now: datetime) -> int:
    """Return how many visits ahead have drifted. Looks only where some were left before."""
    return len(_wandered(session, clinic, now)) if clinic.zone_strays else 0


def recount(session: Session, clinic: Clinic, now: datetime) -> None:
    """Note how many visits ahead have drifted, once one of them was resolved by hand."""
    session.flush()
    clinic.zone_strays = len(_wandered(session, clinic, now))


def is_due(session: Session, clinic: Clinic, now: datetime) -> bool:
    """Tell whether a visit has drifted or the banner is out of date; only reads."""
    return bool(
        clinic.zone_strays or _wandered(session, clinic, now) or wandered_closures(session, clinic, now)
    )


def due_clinics(session: Session, now: datetime) -> list[int]:
    """Return the ids of the clinics where there is anything to do."""
    return clinics.where(session, lambda clinic: is_due(session, clinic, now))


def parts(session: Session, clinic: Clinic, now: datetime) -> list[list[int]]:
    """Return the ids of the visits that stand elsewhere, in parts that find their room one after the other."""
    days: dict[tuple[bool, date], list[int]] = defaultdict(list)
    for one in _wandered(session, clinic, now):
        days[one.goes_earlier, local_on(one.start_at, clinic.zone)].append(one.id)
    found: list[list[int]] = []
    for earlier in (True, False):
        found.append([])
        for key in sorted((key for key in days if key[0] is earlier), reverse=not earlier):
            if found[-1] and len(found[-1]) + len(days[key]) > TOGETHER:
                found.append([])
            found[-1] += days[key]
    return [part for part in found if part]


def _wandered(session: Session, clinic: Clinic, now: datetime) -> list[Wanderer]:
    """Return the visits ahead that have drifted; columns only, for there are many."""
    query = select(
        Appointment.id, Appointment.start_at, Appointment.local_start, Appointment.zone_name
    ).where(
        Appointment.clinic_id == clinic.id,
        Appointment.start_at > now,
        Appointment.status.in_(AHEAD),
    )
    return [
        Wanderer(appointment_id, start_at, local_start, ZoneInfo(zone_name))
        for appointment_id, start_at, local_start, zone_name in session.execute(query)
        if to_local(start_at, ZoneInfo(zone_name)) != local_start
    ]


def as_they_are(session: Session, ids: Sequence[int], now: datetime) -> list[Stray]:
    """Return those of these visits that are still ahead and elsewhere, as they are now."""
    query = select(Appointment).where(
        Appointment.id.in_(ids), Appointment.start_at > now, Appointment.status.in_(AHEAD)
    )
    query = query.options(
        joinedload(Appointment.patient),
        joinedload(Appointment.location),
        selectinload(Appointment.participants).joinedload(Participant.practitioner),
    )
    rows = session.scalars(query.order_by(Appointment.start_at, Appointment.id)) if ids else ()
    return [_stray(one, now) for one in rows if to_local(one.start_at, one.zone) != one.local_start]


def _stray(appointment: Appointment, now: datetime) -> Stray:
    try:
        start = to_utc(appointment.local_start, appointment.zone)
    except (NonexistentTime, AmbiguousTime) as refused:
        return Stray(appointment, None, refused.words(appointment.formats))
    return Stray(appointment, start) if start > now else Stray(appointment, None, BEGUN)


def wandered_closures(
    session: Session, clinic: Clinic, now: datetime
) -> list[tuple[Closure, datetime, datetime]]:
    """Return the closures ahead that stand elsewhere, each with where it begins and ends by the rules."""
    query = select(Closure).where(Closure.clinic_id == clinic.id, Closure.end_at > now)
    found = []
    for closure in session.scalars(query):
        start = _instant(closure.local_start, clinic.zone, closure.start_at)
        end = _instant(closure.local_end, clinic.zone, closure.end_at)
        if (start, end) != (closure.start_at, closure.end_at) and start < end:
            found.append((closure, start, end))
    return found


def _instant(local: datetime, zone: ZoneInfo, present: datetime) -> datetime:
    """Return the instant of a closure's end: what it is now, if the wall still shows that time then."""
    if to_local(present, zone) == local:
        return present
    return local.replace(tzinfo=zone).astimezone(UTC)
