"""Cheap version numbers: has this calendar changed since I looked?

CalendarVersion counts every change of a clinic's allocation, hours, closures or visits: the planner's cache, the
board's polling. FeedVersion counts what the feeds of one resource show (`resource_id` 0: the whole clinic's). Both are
raised in the transaction of the change, last and in sorted order, so that no two transactions wait in a circle.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import cache
from typing import cast

from sqlalchemy import Executable, ForeignKey, Table, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from scheduler.database import Model, UTCDateTime


class CalendarVersion(Model):
    __tablename__ = "calendar_version"

    clinic_id: Mapped[int] = mapped_column(ForeignKey("clinic.id"), primary_key=True)
    version: Mapped[int]


class FeedVersion(Model):
    """A row without a foreign key to resource, because the whole clinic's feed counts as resource 0."""

    __tablename__ = "feed_version"

    clinic_id: Mapped[int] = mapped_column(ForeignKey("clinic.id"), primary_key=True)
    resource_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    version: Mapped[int]
    changed_at: Mapped[datetime] = mapped_column(UTCDateTime)


def calendar_version(session: Session, clinic_id: int) -> int:
    """Return the clinic's present number, 0 before any change."""
    query = select(CalendarVersion.version).where(CalendarVersion.clinic_id == clinic_id)
    return session.scalar(query) or 0


def feed_version(session: Session, clinic_id: int, resource_id: int | None) -> int:
    """Return the present number of a resource's feeds (None: the whole clinic's), 0 before any change."""
    query = select(FeedVersion.version).where(
        FeedVersion.clinic_id == clinic_id, FeedVersion.resource_id == (resource_id or 0)
    )
    return session.scalar(query) or 0


def overtake(session: Session, clinic_id: int, resource_id: int, other_id: int) -> None:
    """Put a resource's number above another's, whose feeds show this one from now on: no feed may repeat a number."""
    theirs = feed_version(session, clinic_id, other_id)
    statement = update(FeedVersion).where(
        FeedVersion.clinic_id == clinic_id,
        FeedVersion.resource_id == resource_id,
        FeedVersion.version <= theirs,
    )
    session.execute(statement.values(version=theirs + 1))


def raise_versions(session: Session, clinic_id: int, resource_ids: Iterable[int], now: datetime) -> None:
    """Count a change of the calendar, and of the feeds of these resources and of the clinic.

    Flushes first, so that nothing that waits for a lock comes after.
    """
    session.flush()
    feeds, calendar = _upserts(session.get_bind().dialect.name)
    rows = [
        {"clinic_id": clinic_id, "resource_id": resource_id, "version": 1, "changed_at": now}
        for resource_id in sorted({0, *resource_ids})
    ]
    session.execute(feeds, rows)
    session.execute(calendar, {"clinic_id": clinic_id, "version": 1})


@cache
def _upserts(dialect: str) -> tuple[Executable, Executable]:
    """Return the statements that raise feeds' numbers and the calendar's, built once: every change asks them.

    They go to the tables, which take many rows in one round trip.
    """
    insert = sqlite_insert if dialect == "sqlite" else postgresql_insert
    feeds = insert(cast(Table, FeedVersion.__table__))
    calendar = insert(cast(Table, CalendarVersion.__table__))
    return (
        feeds.on_conflict_do_update(
            index_elements=["clinic_id", "resource_id"],
            set_={"version": FeedVersion.version + 1, "changed_at": feeds.excluded.changed_at},
        ),
        calendar.on_conflict_do_update(
            index_elements=["clinic_id"], set_={"version": CalendarVersion.version + 1}
        ),
    )
