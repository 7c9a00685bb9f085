"""A day that broke, put right for everybody at once: what was asked, what was found for each course, what became of it.

A row of a course holds ids and times, no words about its patient: who that is, is read from its visit, which a merge of
records keeps true.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, String, select
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from scheduler.database import Model, UTCDateTime
from scheduler.models.appointment import Appointment
from scheduler.models.columns import Document, InClinic, Public, choice, own, refers
from scheduler.models.resource import Resource
from scheduler.models.user import User


class ReplanState(StrEnum):
    PLANNED = "planned"  # a plan within the protocol and the patient's wishes
    ASK = "ask"  # a plan that bends one of them: the patient, or who may override, is asked first
    UNPLACED = "unplaced"
    ACCEPTED = "accepted"
    UNDONE = "undone"


class Replan(InClinic, Public, Model):
    """`start_at` to `end_at` and `resource_id` (None: any) say which displaced visits it is about; None is all of them.

    `closure` is the public id of what closed that time, if it was one closure, and `closes` whether it was made for
    this. `options` is what a person asked for: visits that stay, courses that are left out. `result` holds the totals
    of what was found, `job` the public id of the worker's search, and `step_job` that of the job that accepts or
    undoes it; jobs are forgotten after a week.
    """

    __tablename__ = "replan"
    __table_args__ = own(refers("resource_id", "resource"))

    closure: Mapped[str] = mapped_column(String(16), default="")
    closes: Mapped[bool] = mapped_column(default=False)
    resource_id: Mapped[int | None]
    start_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    end_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    options: Mapped[dict[str, Any]] = mapped_column(Document, default=dict)
    result: Mapped[dict[str, Any] | None] = mapped_column(Document)
    job: Mapped[str] = mapped_column(String(16), default="")
    step_job: Mapped[str] = mapped_column(String(16), default="")
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    accepted_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    undone_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    resource: Mapped[Resource | None] = relationship(
        Resource, primaryjoin="foreign(Replan.resource_id) == Resource.id"
    )
    user: Mapped[User | None] = relationship(User)
    courses: Mapped[list[ReplanCourse]] = relationship(
        "ReplanCourse",
        primaryjoin="Replan.id == foreign(ReplanCourse.replan_id)",
        order_by="ReplanCourse.id",
        back_populates="replan",
    )


class ReplanCourse(InClinic, Public, Model):
    """`appointment_id` is the first of its displaced visits. `moves` holds, in order of time, each visit that changes:
    its id, its `row_version` when it was planned, whether it is `displaced`, and where it is and goes, as placements.

    `bent` names what is not kept, `gaps` the actions before which the spacing is broken; `reasons` say why it has no
    place, or why it could not be accepted. `suggestions` hold what would give it a place: a `text`, and `moves`, `bent`
    and `gaps` as those of a plan (no moves: it asks for more staff). `operation` is the history's operation that
    accepted it.
    """

    __tablename__ = "replan_course"
    __table_args__ = own(refers("replan_id", "replan"), refers("appointment_id", "appointment"))

    replan_id: Mapped[int] = mapped_column(index=True)
    appointment_id: Mapped[int] = mapped_column(index=True)
    state: Mapped[ReplanState] = mapped_column(choice(ReplanState, "state"))
    displaced: Mapped[list[int]] = mapped_column(Document, default=list)
    moves: Mapped[list[dict[str, Any]]] = mapped_column(Document, default=list)
    bent: Mapped[list[str]] = mapped_column(Document, default=list)
    gaps: Mapped[list[str]] = mapped_column(Document, default=list)
    reasons: Mapped[list[str]] = mapped_column(Document, default=list)
    suggestions: Mapped[list[dict[str, Any]]] = mapped_column(Document, default=list)
    operation: Mapped[str] = mapped_column(String(36), default="")
    accepted_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    replan: Mapped[Replan] = relationship(
        Replan, primaryjoin="foreign(ReplanCourse.replan_id) == Replan.id", back_populates="courses"
    )
    appointment: Mapped[Appointment] = relationship(
        Appointment, primaryjoin="foreign(ReplanCourse.appointment_id) == Appointment.id"
    )


def by_public_id(session: Session, clinic_id: int, public_id: str) -> Replan | None:
    return session.scalar(select(Replan).where(Replan.clinic_id == clinic_id, Replan.public_id == public_id))
