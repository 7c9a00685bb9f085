"""The database's clock, by which leases are counted: several hosts share the work and their clocks may differ."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session


def database_time(session: Session) -> datetime:
    """Return the database's clock, in UTC."""
    return as_instant(session.execute(select(database_clock(session.get_bind().dialect.name))).scalar_one())


def as_instant(time: datetime | str) -> datetime:
    """Return what the database's clock shows; SQLite writes it as text."""
    return (
        time.astimezone(UTC)
        if isinstance(time, datetime)
        else datetime.fromisoformat(time).replace(tzinfo=UTC)
    )


def database_clock(dialect: str) -> ColumnElement[Any]:
    """Return the same clock as an expression, to compare a column with."""
    if dialect == "postgresql":
        return func.clock_timestamp()
    return func.strftime("%Y-%m-%d %H:%M:%f", "now")
