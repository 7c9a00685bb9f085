"""Are the books in order? Every visit that keeps its time has its allocation, no other has, and nothing overlaps.
What openings hold is held only while they are offered.

The database refuses overlaps as they are written; this looks from the other side, at what is there.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import Session

from scheduler.domain.status import OCCUPYING, OFF, AppointmentStatus
from scheduler.models.allocation import Allocation
from scheduler.models.appointment import Appointment
from scheduler.models.opening import Opening

S = AppointmentStatus
LONGEST = timedelta(days=2)  # longer than any use by a visit
FREED_WITHIN = timedelta(minutes=5)  # after the end of its offers, by the clock


@dataclass(frozen=True)
class Faults:
    """How many of each; all zero is in order."""

    overlapping: int
    without_time: int
    with_time_of_others: int
    held_too_long: int = 0
    held_for_nothing: int = 0

    @property
    def any(self) -> bool:
        return any(astuple(self))


def faults(session: Session, clinic_id: int, now: datetime) -> Faults:
    """Count what is wrong in a clinic's calendar from `now` on: what is over can harm no one any more."""
    return Faults(
        overlapping=session.scalar(_overlapping(clinic_id, now)) or 0,
        without_time=session.scalar(_without_time(clinic_id, now)) or 0,
        with_time_of_others=session.scalar(_with_time_of_others(clinic_id, now)) or 0,
        held_too_long=session.scalar(_held_too_long(clinic_id, now)) or 0,
        held_for_nothing=session.scalar(_held_for_nothing(clinic_id, now)) or 0,
    )


def _ahead(clinic_id: int, now: datetime) -> tuple[ColumnElement[bool], ...]:
    """Unreleased rows that are not over. By their start too, which the index of such rows knows."""
    return (
        Allocation.clinic_id == clinic_id,
        Allocation.released_at.is_(None),
        Allocation.start_at > now - LONGEST,
        Allocation.end_at > now,
    )


def _overlapping(clinic_id: int, now: datetime) -> Select[int]:
    """Rows that begin before an earlier one of the same unit of the same resource has ended; each row is read once."""
    ended = func.max(Allocation.end_at).over(
        partition_by=(Allocation.resource_id, Allocation.unit),
        order_by=(Allocation.start_at, Allocation.id),
        rows=(None, -1),
    )
    rows = select(Allocation.start_at, ended.label("ended")).where(*_ahead(clinic_id, now)).subquery()
    return select(func.count()).select_from(rows).where(rows.c.start_at < rows.c.ended)


def _without_time(clinic_id: int, now: datetime) -> Select[int]:
    """Visits ahead that should keep their time, or a reservation's that still does, and hold nothing."""
    held = select(Allocation.id).where(
        Allocation.appointment_id == Appointment.id, Allocation.released_at.is_(None)
    )
    reserved = and_(Appointment.status == S.PROPOSED, Appointment.expires_at > now)
    return select(func.count()).where(
        Appointment.clinic_id == clinic_id,
        Appointment.start_at > now,
        or_(Appointment.status.in_(OCCUPYING), reserved),
        ~held.exists(),
    )


def _with_time_of_others(clinic_id: int, now: datetime) -> Select[int]:
    """Unreleased rows of visits that are off, or only proposed without a reservation."""
    projected = and_(Appointment.status == S.PROPOSED, Appointment.expires_at.is_(None))
    off = Appointment.status.in_(OFF)
    return (
        select(func.count())
        .select_from(Allocation)
        .join(Appointment, Appointment.id == Allocation.appointment_id)
        .where(*_ahead(clinic_id, now), or_(off, projected))
    )


def _held_too_long(clinic_id: int, now: datetime) -> Select[int]:
    """Openings that are held although their offers have ended, and that the clock did not free."""
    return select(func.count()).where(
        Opening.clinic_id == clinic_id, Opening.closed_at.is_(None), Opening.held_until < now - FREED_WITHIN
    )


def _held_for_nothing(clinic_id: int, now: datetime) -> Select[int]:
    """Unreleased rows of openings that have ended or are not offered."""
    return (
        select(func.count())
        .select_from(Allocation)
        .join(Opening, Opening.id == Allocation.opening_id)
        .where(*_ahead(clinic_id, now), or_(Opening.closed_at.is_not(None), Opening.held_until.is_(None)))
    )
