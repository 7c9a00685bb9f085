"""Who is taken, kept in memory from one question to the next for clinics with a long calendar.

Reading a hundred thousand visits takes a second, and a booking changes a handful of rows, so only what has changed
since is read: new rows by their id, released ones by the time of release. On PostgreSQL rows of a transaction that
commits late may have lower ids than those already seen, so the last few thousand ids are looked at again each time;
SQLite has one writer at a time. Nothing is kept from within a writing transaction, which may be rolled back, and
everything is read again when the frame (hours, closures, people) changes and every ten minutes. What is kept only
guides proposals: booking is guarded by the database itself.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from threading import Lock
from weakref import WeakKeyDictionary

from sqlalchemy import BindParameter, Engine, Select, bindparam, func, select
from sqlalchemy.orm import Session

from scheduler.database import is_writer
from scheduler.domain.localtime import day_bounds
from scheduler.domain.planner.grid.availability import Availability
from scheduler.domain.planner.values import Calendar, Taken
from scheduler.models.allocation import PATIENT, Allocation
from scheduler.models.versions import CalendarVersion

WORTH_KEEPING = 2_000  # rows; fewer are read in no time
LOOK_BACK = 5_000  # ids
OLDEST = timedelta(minutes=10)
MOST_KEPT = 6  # calendars of one database
MOST_CHANGED = 1_000  # rows kept beside what was read, before all are put together again

Key = tuple[int, object, int]  # clinic, first day, days

CLINIC: BindParameter[int] = bindparam("clinic_id")
VERSION = select(
    select(CalendarVersion.version).where(CalendarVersion.clinic_id == CLINIC).scalar_subquery(),
    select(func.max(Allocation.id)).scalar_subquery(),
)
LIVE = select(
    Allocation.id, Allocation.resource_id, Allocation.unit, Allocation.start_at, Allocation.end_at
).where(
    Allocation.clinic_id == CLINIC,
    Allocation.role != PATIENT,
    Allocation.released_at.is_(None),
    Allocation.start_at >= bindparam("start"),
    Allocation.start_at < bindparam("end"),
)
NEW = LIVE.where(Allocation.id > bindparam("after"))
RELEASED = select(Allocation.id).where(
    Allocation.clinic_id == CLINIC, Allocation.released_at >= bindparam("since")
)


@dataclass(frozen=True)
class TakenRows(Collection[Taken]):
    """What is taken, by row id: what was read, with what has come and gone since. Never changed once made."""

    read: Mapping[int, Taken]
    added: Mapping[int, Taken] = field(default_factory=dict)
    gone: frozenset[int] = frozenset()

    def get(self, row_id: int) -> Taken | None:
        if row_id in self.gone:
            return None
        return self.added.get(row_id) or self.read.get(row_id)

    def __iter__(self) -> Iterator[Taken]:
        for rows in (self.read, self.added):
            if self.gone:
                yield from (taken for row_id, taken in rows.items() if row_id not in self.gone)
            else:
                yield from rows.values()

    def __len__(self) -> int:
        return len(self.read) + len(self.added) - len(self.gone)

    def __contains__(self, taken: object) -> bool:
        return any(one == taken for one in self)

    def without(self, gone: Collection[int]) -> TakenRows:
        """Return the others. Every id is one of these rows'."""
        return TakenRows(self.read, self.added, self.gone | set(gone))

    def changed(self, added: Mapping[int, Taken], gone: Collection[int]) -> TakenRows:
        """Return the same with these rows more and those less."""
        after = TakenRows(self.read, {**self.added, **added}, self.gone | set(gone))
        if len(after.added) + len(after.gone) < MOST_CHANGED:
            return after
        every = {**after.read, **after.added}
        return TakenRows({row_id: taken for row_id, taken in every.items() if row_id not in after.gone})


@dataclass(frozen=True)
class CachedCalendar:
    """What was read, and up to where. The rows and the availability are only read, never changed."""

    version: tuple[int, int]
    frame: Calendar
    read_at: datetime
    changed_at: datetime
    rows: TakenRows
    availability: Availability


_kept: WeakKeyDictionary[Engine, dict[Key, CachedCalendar]] = WeakKeyDictionary()
_lock = Lock()


def rows(session: Session, clinic_id: int, frame: Calendar, now: datetime) -> tuple[TakenRows, Availability]:
    """Return what uses chairs, rooms and people by row id, and the availability, for a calendar without them."""
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
    """Return the calendar's number and the last row's id, in one question."""
    known = session.execute(VERSION, {"clinic_id": clinic_id}).one()
    return known[0] or 0, known[1] or 0


def _writes(session: Session) -> bool:
    return is_writer(session) or bool(session.new or session.dirty or session.deleted)


def _usable(known: CachedCalendar, frame: Calendar, version: tuple[int, int], now: datetime) -> bool:
    went_back = version[0] < known.version[0] or version[1] < known.version[1]
    return known.frame == frame and not went_back and timedelta() <= now - known.read_at < OLDEST


def _keep(engine: Engine, key: Key, current: CachedCalendar) -> None:
    with _lock:
        calendars = dict(_kept.get(engine, {}))
        calendars.pop(key, None)
        calendars[key] = current
        while len(calendars) > MOST_KEPT:
            calendars.pop(next(iter(calendars)))
        _kept[engine] = calendars


def _read(
    session: Session, clinic_id: int, frame: Calendar, now: datetime, version: tuple[int, int]
) -> CachedCalendar:
    found = TakenRows(dict(_taken(session, LIVE, _span(clinic_id, frame))))
    calendar = replace(frame, occupied=found)
    return CachedCalendar(version, frame, now, now, found, Availability(calendar))


def _caught_up(
    session: Session, clinic_id: int, known: CachedCalendar, now: datetime, version: tuple[int, int]
) -> CachedCalendar:
    """Return what was kept with the rows that were added and released since."""
    look_back = 0 if session.get_bind().dialect.name == "sqlite" else LOOK_BACK
    new = {**_span(clinic_id, known.frame), "after": known.version[1] - look_back}
    added = {row_id: taken for row_id, taken in _taken(session, NEW, new) if known.rows.get(row_id) is None}
    released = session.scalars(RELEASED, {"clinic_id": clinic_id, "since": known.changed_at - OLDEST})
    gone = {row_id: taken for row_id in released if (taken := known.rows.get(row_id))}
    found = known.rows.changed(added, gone)
    calendar = replace(known.frame, occupied=found)
    availability = known.availability.changed(calendar, added.values(), gone.values())
    return CachedCalendar(version, known.frame, known.read_at, now, found, availability)


def _span(clinic_id: int, frame: Calendar) -> dict[str, object]:
    """Return what the queries ask about: the days of a frame, and the day before, for no visit is longer."""
    start = day_bounds(frame.first_on, frame.zone)[0]
    end = day_bounds(frame.first_on + timedelta(days=frame.days), frame.zone)[0]
    return {"clinic_id": clinic_id, "start": start - timedelta(days=1), "end": end}


def _taken(
    session: Session, query: Select[int, int, int, datetime, datetime], about: dict[str, object]
) -> Iterator[tuple[int, Taken]]:
    for row_id, resource_id, unit, start, end in session.execute(query, about):
        yield row_id, (resource_id, unit, start, end)
