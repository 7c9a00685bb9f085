"""When each job of the clock and the worker last ran, and where. Health looks at its age."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from scheduler.database import Model, UTCDateTime


class JobRun(Model):
    """`ended_at` is the app's time, `wall_at` the machine's: a shifted clock must not look dead or alive.

    `seconds` is the interval at which that process runs the job, `failed` how much of its last run failed (clinics,
    or 1 for all of it).
    """

    __tablename__ = "job_run"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    host: Mapped[str] = mapped_column(String(200), primary_key=True)
    ended_at: Mapped[datetime] = mapped_column(UTCDateTime)
    wall_at: Mapped[datetime] = mapped_column(UTCDateTime)
    seconds: Mapped[int] = mapped_column(default=0, server_default="0")
    failed: Mapped[int] = mapped_column(default=0, server_default="0")
    outcome: Mapped[str] = mapped_column(String(200), default="")
