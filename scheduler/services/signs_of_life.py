"""What the clock and the worker leave behind so that others can see whether they live."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from scheduler.models.tick import Tick
from scheduler.services import jobs

SILENT = timedelta(minutes=2)  # a worker with nothing to do says every minute that it lives


def beat(session: Session, name: str, host: str, now: datetime, wall: datetime, outcome: str) -> None:
    """Write that a tick has just ended (or still works)."""
    session.merge(Tick(name=name, host=host, ended_at=now, wall_at=wall, outcome=outcome[:200]))
    session.flush()


def newest(session: Session, name: str) -> Tick | None:
    """Return the latest sign of a tick on any host, by the machine's time."""
    return session.scalars(select(Tick).where(Tick.name == name).order_by(Tick.wall_at.desc())).first()


def is_worker_gone(session: Session, now: datetime) -> bool:
    """Tell whether no worker has been seen of late, so that a job would wait."""
    seen = newest(session, "worker")
    return (seen is None or seen.ended_at < now - SILENT) and not jobs.is_any_done_now(session)
