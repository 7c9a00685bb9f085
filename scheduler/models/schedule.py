"""When the clinic and its people work: weekly hours, dated hours, and what closes.

Hours are clinic-local wall-clock times, because that is what people agree on; `resource_id` NULL is the clinic itself.
A ScheduleOverride replaces the weekly hours of its day. A Closure takes time away: a holiday, leave, a broken chair; it
keeps the wall-clock times it was entered with beside the instants, because zone rules change.
"""

from __future__ import annotations

from datetime import date, datetime, time
from enum import StrEnum

from sqlalchemy import CheckConstraint, Index, String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from scheduler.database import Model, UTCDateTime
from scheduler.models.columns import InClinic, Public, choice, in_order, own, refers

END_OF_DAY = time(23, 59)  # the last minute stands for midnight: a time column knows no 24:00


FIRST_MONDAY = date(2024, 1, 1)  # from which alternate weeks are counted, for good: rows hold the remainder


class ScheduleHours(InClinic, Model):
    """Weekly hours on an ISO weekday (Monday is 1), from `valid_from` up to and including `valid_until`.

    `week` 0 or 1 is every other week (`alternate_week`), None each week.
    """

    __tablename__ = "schedule_hours"
    __table_args__ = own(
        refers("resource_id", "resource"),
        in_order("starts", "ends", "order"),
        CheckConstraint("weekday BETWEEN 1 AND 7", name="weekday"),
        CheckConstraint("week IN (0, 1)", name="week"),
    )

    resource_id: Mapped[int | None] = mapped_column(index=True)
    weekday: Mapped[int]
    starts: Mapped[time]
    ends: Mapped[time]
    valid_from: Mapped[date | None]
    valid_until: Mapped[date | None]
    week: Mapped[int | None]

    def holds_on(self, on: date) -> bool:
        """Tell whether these are hours of a date, unless that has hours of its own."""
        return (
            self.weekday == on.isoweekday()
            and (self.valid_from or date.min) <= on <= (self.valid_until or date.max)
            and self.week in (None, alternate_week(on))
        )


def alternate_week(on: date) -> int:
    """Return 0 or 1, by turns from week to week; a week begins on Monday."""
    return (on - FIRST_MONDAY).days // 7 % 2


class ScheduleOverride(InClinic, Model):
    """Hours on one date instead of the weekly ones."""

    __tablename__ = "schedule_override"
    __table_args__ = own(refers("resource_id", "resource"), in_order("starts", "ends", "order"))

    resource_id: Mapped[int | None] = mapped_column(index=True)
    on_date: Mapped[date] = mapped_column(index=True)
    starts: Mapped[time]
    ends: Mapped[time]


class ClosureKind(StrEnum):
    CLOSURE = "closure"
    HOLIDAY = "holiday"
    LEAVE = "leave"


class Closure(InClinic, Public, Model):
    __tablename__ = "closure"
    __table_args__ = own(
        refers("resource_id", "resource"),
        in_order("start_at", "end_at", "order"),
        Index("ix_closure_window", "clinic_id", "start_at", "end_at"),  # what closes in these weeks
    )

    resource_id: Mapped[int | None] = mapped_column(index=True)
    kind: Mapped[ClosureKind] = mapped_column(choice(ClosureKind, "kind"))
    start_at: Mapped[datetime] = mapped_column(UTCDateTime)
    end_at: Mapped[datetime] = mapped_column(UTCDateTime)
    local_start: Mapped[datetime]
    local_end: Mapped[datetime]
    reason: Mapped[str] = mapped_column(String(200), default="")


def hours(session: Session, clinic_id: int, resource_id: int | None) -> list[ScheduleHours]:
    """Return the weekly hours of the clinic (None) or of one resource, through the week."""
    query = select(ScheduleHours).where(
        ScheduleHours.clinic_id == clinic_id, ScheduleHours.resource_id.is_not_distinct_from(resource_id)
    )
    return list(session.scalars(query.order_by(ScheduleHours.weekday, ScheduleHours.starts)))


def dated_hours(
    session: Session, clinic_id: int, resource_id: int | None, first: date = date.min
) -> list[ScheduleOverride]:
    """Return the hours of single dates of the clinic (None) or of one resource from `first` on, in order."""
    query = select(ScheduleOverride).where(
        ScheduleOverride.clinic_id == clinic_id,
        ScheduleOverride.resource_id.is_not_distinct_from(resource_id),
        ScheduleOverride.on_date >= first,
    )
    return list(session.scalars(query.order_by(ScheduleOverride.on_date, ScheduleOverride.starts)))


def closures(session: Session, clinic_id: int, start: datetime, end: datetime) -> list[Closure]:
    """Return what closes between two instants, in order."""
    query = select(Closure).where(
        Closure.clinic_id == clinic_id, Closure.start_at < end, Closure.end_at > start
    )
    return list(session.scalars(query.order_by(Closure.start_at, Closure.id)))
