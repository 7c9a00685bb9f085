"""How often something was asked for in a stretch of time: the memory of limits, shared by all processes.

`digest` is the SHA-256 of who asked or what was asked for, since addresses and tokens belong in no table.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String, delete, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from scheduler.database import Model, UTCDateTime


class RequestCount(Model):
    __tablename__ = "request_count"

    limit_name: Mapped[str] = mapped_column(String(40), primary_key=True)
    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    begins_at: Mapped[datetime] = mapped_column(UTCDateTime, primary_key=True)
    count: Mapped[int]


def add(session: Session, limit_name: str, digest: str, begins_at: datetime, by: int) -> int:
    """Count `by` more in the stretch that began then, and return how many there are."""
    insert = sqlite_insert if session.get_bind().dialect.name == "sqlite" else postgresql_insert
    statement = insert(RequestCount).values(
        limit_name=limit_name, digest=digest, begins_at=begins_at, count=by
    )
    counted = statement.on_conflict_do_update(
        index_elements=["limit_name", "digest", "begins_at"], set_={"count": RequestCount.count + by}
    )
    return session.execute(counted.returning(RequestCount.count)).scalar_one()


def present(session: Session, limit_name: str, digest: str, begins_at: datetime) -> int:
    """Return how many there are in the stretch that began then."""
    query = select(RequestCount.count).where(
        RequestCount.limit_name == limit_name,
        RequestCount.digest == digest,
        RequestCount.begins_at == begins_at,
    )
    return session.scalar(query) or 0


def forget(session: Session, limit_name: str, before: datetime) -> None:
    """Delete the stretches of a limit that began before then."""
    gone = (RequestCount.limit_name == limit_name, RequestCount.begins_at < before)
    session.execute(delete(RequestCount).where(*gone), execution_options={"synchronize_session": False})
