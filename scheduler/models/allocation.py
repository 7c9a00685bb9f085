"""What a visit uses, or an opening holds while it is offered: one unit of one resource for one phase.

The database refuses two unreleased rows that overlap on one unit, on every path: an exclusion constraint on
PostgreSQL, insert and update triggers on SQLite (both in the first migration). Released rows stay as history. A row is
never edited: a move or a new unit releases, flushes, then inserts.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import CheckConstraint, Index, String, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from scheduler.database import Model, UTCDateTime
from scheduler.models.columns import InClinic, in_order, own, refers

PATIENT = "patient"  # the role of the row that keeps a patient from being in two places


class Allocation(InClinic, Model):
    """`role` is what the resource was taken as (patient, chair, nurse ...); `exclusive` rows come on every unit.

    It belongs to a visit or, with `opening_id`, to the opening that holds the time.
    """

    __tablename__ = "allocation"
    __table_args__ = own(
        refers("resource_id", "resource"),
        refers("appointment_id", "appointment"),
        refers("opening_id", "opening"),
        in_order("start_at", "end_at", "order"),
        CheckConstraint("unit >= 0", name="unit"),
        CheckConstraint("(appointment_id IS NULL) <> (opening_id IS NULL)", name="owner"),
        Index(  # what the SQLite triggers and the conflict query look through
            "ix_allocation_live",
            "resource_id",
            "unit",
            "start_at",
            sqlite_where=text("released_at IS NULL"),
            postgresql_where=text("released_at IS NULL"),
        ),
        Index(  # the planner's calendar of some weeks
            "ix_allocation_window",
            "clinic_id",
            "start_at",
            sqlite_where=text("released_at IS NULL"),
            postgresql_where=text("released_at IS NULL"),
        ),
        Index(  # what an opening holds
            "ix_allocation_opening",
            "opening_id",
            sqlite_where=text("opening_id IS NOT NULL"),
            postgresql_where=text("opening_id IS NOT NULL"),
        ),
        Index(  # what the planner's calendar has lost since it was last read
            "ix_allocation_released",
            "clinic_id",
            "released_at",
            sqlite_where=text("released_at IS NOT NULL"),
            postgresql_where=text("released_at IS NOT NULL"),
        ),
    )

    resource_id: Mapped[int]
    unit: Mapped[int]
    appointment_id: Mapped[int | None] = mapped_column(index=True)
    opening_id: Mapped[int | None]
    phase: Mapped[str] = mapped_column(String(40))
    role: Mapped[str] = mapped_column(String(20))
    exclusive: Mapped[bool] = mapped_column(default=False)
    start_at: Mapped[datetime] = mapped_column(UTCDateTime)
    end_at: Mapped[datetime] = mapped_column(UTCDateTime)
    released_at: Mapped[datetime | None] = mapped_column(UTCDateTime)


def of_appointment(
    session: Session, appointment_id: int, released_at: datetime | None = None
) -> list[Allocation]:
    """Return what a visit uses now, or (with an instant) what it released at that instant, in order."""
    query = select(Allocation).where(
        Allocation.appointment_id == appointment_id,
        Allocation.released_at.is_not_distinct_from(released_at),
    )
    return list(session.scalars(query.order_by(Allocation.start_at, Allocation.id)))


def of_appointments(session: Session, appointment_ids: Collection[int]) -> dict[int, list[Allocation]]:
    """Return what each of these visits uses now, in order; a visit that uses nothing is missing."""
    query = select(Allocation).where(
        Allocation.appointment_id.in_(appointment_ids), Allocation.released_at.is_(None)
    )
    found: dict[int, list[Allocation]] = {}
    for row in session.scalars(query.order_by(Allocation.start_at, Allocation.id)):
        if row.appointment_id is not None:
            found.setdefault(row.appointment_id, []).append(row)
    return found
