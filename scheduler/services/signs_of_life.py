"""What the clock leaves behind so that others can see whether it lives."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from scheduler.models.tick import Tick


def beat(session: Session, name: str, host: str, now: datetime, wall: datetime, outcome: str) -> None:
    """Write that a tick has just ended (or still works)."""
    session.merge(Tick(name=name, host=host, ended_at=now, wall_at=wall, outcome=outcome[:200]))
    session.flush()


def newest(session: Session, name: str) -> Tick | None:
    """Return the latest sign of a tick on any host, by the machine's time."""
    return session.scalars(select(Tick).where(Tick.name == name).order_by(Tick.wall_at.desc())).first()
