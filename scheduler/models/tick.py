"""A sign of life of the clock: when each tick last ended, and where. Health looks at its age."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from scheduler.database import Model, UTCDateTime


class Tick(Model):
    """`ended_at` is the app's time, `wall_at` the machine's: a shifted clock must not look dead or alive."""

    __tablename__ = "tick"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    host: Mapped[str] = mapped_column(String(200), primary_key=True)
    ended_at: Mapped[datetime] = mapped_column(UTCDateTime)
    wall_at: Mapped[datetime] = mapped_column(UTCDateTime)
    outcome: Mapped[str] = mapped_column(String(200), default="")
