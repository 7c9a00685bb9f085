"""The planner's calendar, from the database: hours, closures, and who is taken when.

A few queries for any number of resources and visits; what is taken is kept from one question to the next (see
calendar_frame.py and calendar_cache.py). A resource without hours of its own works whenever the clinic does; hours on a
date replace the weekly hours of that day.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from scheduler.database import is_writer
from scheduler.domain.localtime import day_bounds
from scheduler.domain.planner.grid.availability import Availability
from scheduler.domain.planner.values import Calendar
from scheduler.domain.windows import Window
from scheduler.models.allocation import Allocation
from scheduler.models.clinic import Clinic
from scheduler.models.patient import Patient
from scheduler.services.locks import hold_hours
from scheduler.services.planning import calendar_cache
from scheduler.services.planning.calendar_frame import frame as read_frame


class SharedCalendar:
    """The calendar of `days` clinic-local days from `first_on`, read once for any number of patients.

    For a writer the hours and closures stay what they are until it ends.
    """

    def __init__(self, session: Session, clinic: Clinic, first_on: date, days: int, now: datetime) -> None:
        if is_writer(session):
            hold_hours(session, clinic.id)
        self.frame = read_frame(session, clinic, first_on, days)
        self._rows, self.taken = calendar_cache.rows(session, clinic.id, self.frame, now)

    def seen_by(self, releasing: Iterable[int], busy: Sequence[Window]) -> Availability:
        """Return who is free for a patient who is `busy` then; the allocations with the ids `releasing` are free."""
        leaving = {row_id: taken for row_id in releasing if (taken := self._rows.get(row_id))}
        if not leaving and not busy:
            return self.taken
        calendar = replace(self.taken.calendar, occupied=self._rows.without(leaving), patient_busy=busy)
        return self.taken.changed(calendar, (), leaving.values())


def load(
    session: Session,
    clinic: Clinic,
    first_on: date,
    days: int,
    now: datetime,
    patient: Patient | None = None,
    releasing: frozenset[int] = frozenset(),
) -> Availability:
    """Return who is free on `days` clinic-local days from `first_on`.

    `releasing` are ids of appointments whose time counts as free, because they are about to move. For a writer
    the hours and closures stay what they are until it ends.
    """
    shared = SharedCalendar(session, clinic, first_on, days, now)
    busy = _busy(session, clinic, shared.frame, patient, releasing)
    return shared.seen_by(_rows_of(session, clinic, releasing), busy)


def _busy(
    session: Session, clinic: Clinic, frame: Calendar, patient: Patient | None, releasing: frozenset[int]
) -> list[Window]:
    """Return when the patient has other visits."""
    if patient is None:
        return []
    query = select(Allocation.start_at, Allocation.end_at).where(
        Allocation.resource_id == patient.resource_id,
        Allocation.unit == 0,  # a patient has no other, and the index has the unit before the time
        Allocation.released_at.is_(None),
        Allocation.start_at >= day_bounds(frame.first_on, clinic.zone)[0] - timedelta(days=1),
    )
    if releasing:
        query = query.where(Allocation.appointment_id.not_in(sorted(releasing)))
    return [Window(start, end) for start, end in session.execute(query)]


def _rows_of(session: Session, clinic: Clinic, appointment_ids: frozenset[int]) -> set[int]:
    """Return the ids of what these appointments take up."""
    if not appointment_ids:
        return set()
    query = select(Allocation.id).where(
        Allocation.clinic_id == clinic.id, Allocation.appointment_id.in_(sorted(appointment_ids))
    )
    return set(session.scalars(query.where(Allocation.released_at.is_(None))))
