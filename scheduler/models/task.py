"""Something that a person must do: who takes it, until when, and what came of it.

Derived lists (visits to make up, boosters to book) are queries and have no rows here.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, ForeignKey, Index, String, and_, case, func, or_, select, text
from sqlalchemy.orm import Mapped, Session, joinedload, mapped_column, relationship

from scheduler.database import Model, UTCDateTime
from scheduler.models.appointment import Appointment
from scheduler.models.columns import Document, InClinic, Public, choice, own, refers
from scheduler.models.patient import Patient
from scheduler.models.user import User

OPEN = "done_at IS NULL"


class TaskKind(StrEnum):
    ANSWER = "answer"  # a patient's answers that a person must see
    PROPOSAL = "proposal"  # what a patient said of proposed appointments


class Task(InClinic, Public, Model):
    """`patient_id` and `appointment_id` are its subject. `details` is what the person must know, by kind.

    `escalates_at` is when others are notified because it was not taken; None once it is taken. `escalations` counts
    that.
    """

    __tablename__ = "task"
    __table_args__ = own(
        refers("patient_id", "patient"),
        refers("appointment_id", "appointment"),
        Index("ix_task_patient", "patient_id"),
        Index(  # the list of what is to do
            "ix_task_open",
            "clinic_id",
            "due_at",
            sqlite_where=text(OPEN),
            postgresql_where=text(OPEN),
        ),
        Index(  # one open task of a kind for a visit
            "ix_task_open_subject",
            "appointment_id",
            "kind",
            unique=True,
            sqlite_where=text(OPEN),
            postgresql_where=text(OPEN),
        ),
    )

    kind: Mapped[TaskKind] = mapped_column(choice(TaskKind, "kind"))
    patient_id: Mapped[int | None]
    appointment_id: Mapped[int | None]
    details: Mapped[dict[str, Any]] = mapped_column(Document, default=dict)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    due_at: Mapped[datetime] = mapped_column(UTCDateTime)
    taken_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    taken_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    done_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    done_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    snoozed_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    escalates_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    escalations: Mapped[int] = mapped_column(default=0)
    outcome: Mapped[str] = mapped_column(String(500), default="")

    patient: Mapped[Patient | None] = relationship(
        Patient, primaryjoin="foreign(Task.patient_id) == Patient.id"
    )
    appointment: Mapped[Appointment | None] = relationship(
        Appointment, primaryjoin="foreign(Task.appointment_id) == Appointment.id"
    )
    taken_by: Mapped[User | None] = relationship(User, primaryjoin="foreign(Task.taken_by_id) == User.id")
    done_by: Mapped[User | None] = relationship(User, primaryjoin="foreign(Task.done_by_id) == User.id")

    @property
    def answers(self) -> list[dict[str, Any]]:
        """What the patient answered, the earliest first; nothing for other kinds, and once the record was erased."""
        given = self.details.get("answers", ())
        return [{**one, "at": datetime.fromisoformat(one["at"])} for one in given]

    @property
    def accepts(self) -> bool:
        """Whether the patient takes the proposed appointments; else the patient asks for a call."""
        return bool(self.details.get("accepts"))

    def is_overdue(self, now: datetime) -> bool:
        return self.done_at is None and self.due_at <= now


def open_in(session: Session, clinic_id: int, now: datetime) -> list[Task]:
    """Return what a clinic has to do now, what is due first in front; what was postponed is left out until then."""
    query = select(Task).where(_is_open(clinic_id, now))
    query = query.options(joinedload(Task.patient), joinedload(Task.appointment), joinedload(Task.taken_by))
    return list(session.scalars(query.order_by(Task.due_at, Task.id)))


def count_open(session: Session, clinic_id: int, now: datetime) -> tuple[int, int]:
    """Return how many tasks are open, and how many of them are answers that are not taken."""
    waits = case((and_(Task.kind == TaskKind.ANSWER, Task.taken_by_id.is_(None)), 1), else_=0)
    query = select(func.count(), func.coalesce(func.sum(waits), 0)).select_from(Task)
    count, waiting = session.execute(query.where(_is_open(clinic_id, now))).one()
    return count, waiting


def _is_open(clinic_id: int, now: datetime) -> ColumnElement[bool]:
    not_postponed = or_(Task.snoozed_until.is_(None), Task.snoozed_until <= now)
    return and_(Task.clinic_id == clinic_id, Task.done_at.is_(None), not_postponed)


def open_about(session: Session, patient_id: int) -> list[Task]:
    """Return the tasks about a patient's answers that are open, the one due first in front."""
    query = select(Task).where(
        Task.kind == TaskKind.ANSWER, Task.patient_id == patient_id, Task.done_at.is_(None)
    )
    return list(session.scalars(query.order_by(Task.due_at, Task.id)))


def of_patient(session: Session, patient_id: int) -> list[Task]:
    """Return all tasks about a patient, in the order in which they were opened."""
    return list(session.scalars(select(Task).where(Task.patient_id == patient_id).order_by(Task.id)))


def with_open(session: Session, clinic_id: int, patient_ids: Collection[int]) -> frozenset[int]:
    """Return which of these patients have answers that need a person."""
    query = select(Task.patient_id).where(
        Task.clinic_id == clinic_id,
        Task.kind == TaskKind.ANSWER,
        Task.done_at.is_(None),
        Task.patient_id.in_(patient_ids),
    )
    return frozenset(one for one in session.scalars(query) if one is not None)


def open_of(session: Session, kind: TaskKind, appointment_id: int) -> Task | None:
    query = select(Task).where(
        Task.kind == kind, Task.appointment_id == appointment_id, Task.done_at.is_(None)
    )
    return session.scalar(query)


def open_of_patient(session: Session, kind: TaskKind, patient_id: int) -> Task | None:
    query = select(Task).where(Task.kind == kind, Task.patient_id == patient_id, Task.done_at.is_(None))
    return session.scalar(query)


def by_public_id(session: Session, clinic_id: int, public_id: str) -> Task | None:
    return session.scalar(select(Task).where(Task.clinic_id == clinic_id, Task.public_id == public_id))
