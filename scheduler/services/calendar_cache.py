"""Who is taken, kept in memory from one question to the next for clinics with a long calendar.

Reading a hundred thousand visits takes a second, and a booking changes a handful of rows, so only what has changed
since is read: new rows by their id, released ones by the time of release. Rows of a transaction that commits late may
have lower ids than those already seen, so the last few thousand ids are looked at again each time. Nothing is kept
from within a writing transaction, which may be rolled back, and everything is read anew when the frame (hours,
closures, people) changes and every ten minutes. What is kept only guides proposals: booking is guarded by the
database itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from threading import Lock
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, Select, func, select
from sqlalchemy.orm import Session

from scheduler.domain.localtime import day_bounds
from scheduler.domain.planner.availability import Availability
from scheduler.domain.planner.calendar import Calendar, Taken
from scheduler.domain.windows import Window
from scheduler.models import versions
from scheduler.models.occupation import PATIENT, Occupation

WORTH_KEEPING = 2_000  # rows; fewer are read in no time
LOOK_BACK = 5_000  # ids
OLDEST = timedelta(minutes=10)
MOST_KEPT = 6  # calendars of one database

Rows = dict[int, Taken]
Key = tuple[int, object, int]  # clinic, first day, days


@dataclass(frozen=True)
class Kept:
    """What was read, and up to where. The rows and the availability are only read, never changed."""

    version: tuple[int, int]
    frame: Calendar
    read_at: datetime
    changed_at: datetime
    rows: Rows
    availability: Availability


_kept: WeakKeyDictionary[Engine, dict[Key, Kept]] = WeakKeyDictionary()
_lock = Lock()


def rows(session: Session, clinic_id: int, frame: Calendar, now: datetime) -> tuple[Rows, Availability]:
    """Return what takes up chairs, rooms and people by row id, and the availability, for a calendar without them."""
    engine = session.get_bind().engine
    key = (clinic_id, frame.first_on, frame.days)
    version = _version(session, clinic_id)
    known = _kept.get(engine, {}).get(key)
    if known and not _usable(known, frame, version, now):
        known = None
    if known is None:
        current = _read(session, clinic_id, frame, now, version)
    elif known.version == version:
        return known.rows, known.availability
    else:
        current = _caught_up(session, clinic_id, known, now, version)
    if len(current.rows) >= WORTH_KEEPING and not _writes(session):
        _keep(engine, key, current)
    return current.rows, current.availability


def forget() -> None:
    """Drop everything that is kept."""
    with _lock:
        _kept.clear()


def _version(session: Session, clinic_id: int) -> tuple[int, int]:
    last = session.scalar(select(func.max(Occupation.id))) or 0
    return versions.calendar_version(session, clinic_id), last


def _writes(session: Session) -> bool:
    writing = bool(session.connection().get_execution_options().get("writes"))
    return writing or bool(session.new or session.dirty or session.deleted)


def _usable(known: Kept, frame: Calendar, version: tuple[int, int], now: datetime) -> bool:
    went_back = version[0] < known.version[0] or version[1] < known.version[1]
    return known.frame == frame and not went_back and timedelta() <= now - known.read_at < OLDEST


def _keep(engine: Engine, key: Key, current: Kept) -> None:
    with _lock:
        calendars = dict(_kept.get(engine, {}))
        calendars.pop(key, None)
        calendars[key] = current
        while len(calendars) > MOST_KEPT:
            calendars.pop(next(iter(calendars)))
        _kept[engine] = calendars


def _read(session: Session, clinic_id: int, frame: Calendar, now: datetime, version: tuple[int, int]) -> Kept:
    live = _within(clinic_id, frame).where(Occupation.released_at.is_(None))
    found = dict(_taken(session, live))
    calendar = replace(frame, occupied=list(found.values()))
    return Kept(version, frame, now, now, found, Availability(calendar))


def _caught_up(
    session: Session, clinic_id: int, known: Kept, now: datetime, version: tuple[int, int]
) -> Kept:
    """Return what was kept with the rows that were added and released since."""
    recent = _within(clinic_id, known.frame).where(
        Occupation.released_at.is_(None), Occupation.id > known.version[1] - LOOK_BACK
    )
    added = {row_id: taken for row_id, taken in _taken(session, recent) if row_id not in known.rows}
    released = select(Occupation.id).where(
        Occupation.clinic_id == clinic_id, Occupation.released_at >= known.changed_at - OLDEST
    )
    gone = {row_id: known.rows[row_id] for row_id in session.scalars(released) if row_id in known.rows}
    found = {row_id: taken for row_id, taken in known.rows.items() if row_id not in gone} | added
    calendar = replace(known.frame, occupied=list(found.values()))
    availability = known.availability.changed(calendar, added.values(), gone.values())
    return Kept(version, known.frame, known.read_at, now, found, availability)


def _within(clinic_id: int, frame: Calendar) -> Select[int, int, int, datetime, datetime]:
    start = day_bounds(frame.first_on, frame.zone)[0]
    end = day_bounds(frame.first_on + timedelta(days=frame.days), frame.zone)[0]
    return select(
        Occupation.id, Occupation.resource_id, Occupation.lane, Occupation.start_at, Occupation.end_at
    ).where(
        Occupation.clinic_id == clinic_id,
        Occupation.role != PATIENT,
        Occupation.start_at >= start - timedelta(days=1),  # no visit is longer than a day
        Occupation.start_at < end,
    )


def _taken(session: Session, query: Select[int, int, int, datetime, datetime]) -> Iterator[tuple[int, Taken]]:
    for row_id, resource_id, lane, start, end in session.execute(query):
        yield row_id, (resource_id, lane, Window(start, end))
