"""Work that takes longer than a request may: requested by a user, done by the worker, with progress.

A worker's claim is a lease by the database's clock: when a worker is gone, another one begins the job again. What a job
writes is written in the transaction that ends it, so it is done once or not at all.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, String, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from scheduler.database import Model, UTCDateTime
from scheduler.models.clinic import Clinic
from scheduler.models.columns import Document, InClinic, Public, choice, own
from scheduler.models.user import User


class JobState(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class Job(InClinic, Public, Model):
    """`request` is what is to be done; it is emptied when the job is over, for it may hold people.

    `stage` is what is being done, `progress` of `total` how far that is. `result` is what came out, `problem` why
    nothing did: code, title and details as the API shows a refusal. `stopping` asks the worker to end with the best
    that it has.
    """

    __tablename__ = "job"
    __table_args__ = own(
        Index(  # the worker's question: what is next
            "ix_job_open",
            "created_at",
            sqlite_where=text("state IN ('waiting', 'running')"),
            postgresql_where=text("state IN ('waiting', 'running')"),
        ),
    )

    kind: Mapped[str] = mapped_column(String(40))
    state: Mapped[JobState] = mapped_column(choice(JobState, "state"), default=JobState.WAITING)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    address: Mapped[str] = mapped_column(String(45), default="")
    request: Mapped[dict[str, Any]] = mapped_column(Document, default=dict)
    stage: Mapped[str] = mapped_column(String(40), default="")
    progress: Mapped[int] = mapped_column(default=0)
    total: Mapped[int] = mapped_column(default=0)
    result: Mapped[dict[str, Any] | None] = mapped_column(Document)
    problem: Mapped[dict[str, Any] | None] = mapped_column(Document)
    attempts: Mapped[int] = mapped_column(default=0)
    stopping: Mapped[bool] = mapped_column(default=False)
    lease_token: Mapped[str | None] = mapped_column(String(36))
    leased_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    started_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    clinic: Mapped[Clinic] = relationship()
    user: Mapped[User | None] = relationship()


def by_public_id(session: Session, clinic_id: int, public_id: str) -> Job | None:
    return session.scalar(select(Job).where(Job.clinic_id == clinic_id, Job.public_id == public_id))
