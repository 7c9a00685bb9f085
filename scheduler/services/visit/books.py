"""Are the books in order? Every visit that keeps its time has its occupation, no other has, and nothing overlaps.

The database refuses overlaps as they are written; this looks from the other side, at what is there.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, and_, func, or_, select
from sqlalchemy.orm import Session, aliased

from scheduler.domain.status import AppointmentStatus
from scheduler.models.appointment import Appointment
from scheduler.models.occupation import Occupation

S = AppointmentStatus
KEEPING = (S.PENDING, S.BOOKED, S.ARRIVED, S.CHECKED_IN)


@dataclass(frozen=True)
class Faults:
    """How many of each; all zero is in order."""

    overlapping: int
    without_time: int
    with_time_of_others: int

    @property
    def any(self) -> bool:
        return bool(self.overlapping or self.without_time or self.with_time_of_others)


def faults(session: Session, clinic_id: int, now: datetime) -> Faults:
    """Count what is wrong in a clinic's calendar, from `now` on where it is about visits."""
    return Faults(
        overlapping=session.scalar(_overlapping(clinic_id)) or 0,
        without_time=session.scalar(_without_time(clinic_id, now)) or 0,
        with_time_of_others=session.scalar(_with_time_of_others(clinic_id)) or 0,
    )


def _overlapping(clinic_id: int) -> Select[int]:
    """Pairs of unreleased rows that overlap on one lane of one resource."""
    first, second = aliased(Occupation), aliased(Occupation)
    return select(func.count()).where(
        first.clinic_id == clinic_id,
        first.resource_id == second.resource_id,
        first.lane == second.lane,
        first.id < second.id,
        first.released_at.is_(None),
        second.released_at.is_(None),
        first.start_at < second.end_at,
        second.start_at < first.end_at,
    )


def _without_time(clinic_id: int, now: datetime) -> Select[int]:
    """Visits ahead that should keep their time, or a reservation's that still does, and hold nothing."""
    held = select(Occupation.id).where(
        Occupation.appointment_id == Appointment.id, Occupation.released_at.is_(None)
    )
    reserved = and_(Appointment.status == S.PROPOSED, Appointment.expires_at > now)
    return select(func.count()).where(
        Appointment.clinic_id == clinic_id,
        Appointment.start_at > now,
        or_(Appointment.status.in_(KEEPING), reserved),
        ~held.exists(),
    )


def _with_time_of_others(clinic_id: int) -> Select[int]:
    """Unreleased rows of visits that are off, or only proposed without a reservation."""
    projected = and_(Appointment.status == S.PROPOSED, Appointment.expires_at.is_(None))
    off = Appointment.status.in_((S.CANCELLED, S.NOSHOW, S.ENTERED_IN_ERROR, S.WAITLIST))
    return (
        select(func.count())
        .select_from(Occupation)
        .join(Appointment, Appointment.id == Occupation.appointment_id)
        .where(Occupation.clinic_id == clinic_id, Occupation.released_at.is_(None), or_(off, projected))
    )
