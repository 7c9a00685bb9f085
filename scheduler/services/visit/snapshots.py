"""An appointment as it was before a change, and what differs afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from scheduler.domain.status import AppointmentStatus, Response, Stage
from scheduler.ical.entries import EventStatus, event_status
from scheduler.models.appointment import Appointment
from scheduler.models.location import Location
from scheduler.models.patient import Patient
from scheduler.models.practitioner import Practitioner
from scheduler.models.site import Site

LABELS = ("title", "kind", "visible", "position", "series_length")  # what a calendar entry is named after
DETAILS = (*LABELS, "series", "phases", "dosing_gap_days", "dosing_gap_hard")


@dataclass(frozen=True)
class Snapshot:
    """What is compared of an appointment.

    `practitioners` are in order, `feeds` are resource ids, `details` are the columns that its protocol gives it.
    """

    patient: Patient
    status: AppointmentStatus
    stage: Stage | None
    response: Response
    start: datetime
    end: datetime
    local_start: datetime
    location: Location | None
    practitioners: tuple[Practitioner, ...]
    details: Mapping[str, Any]
    is_reserved: bool
    feeds: frozenset[int]

    @classmethod
    def of(cls, row: Appointment) -> Snapshot:
        practitioners = tuple(row.practitioners)
        feeds = {row.patient.resource_id, *(one.resource_id for one in practitioners)}
        if row.location is not None:
            feeds.add(row.location.resource_id)
        return cls(
            row.patient,
            row.status,
            row.stage,
            row.response,
            row.start_at,
            row.end_at,
            row.local_start,
            row.location,
            practitioners,
            {name: getattr(row, name) for name in DETAILS},
            row.status is AppointmentStatus.PROPOSED and row.expires_at is not None,
            frozenset(feeds),
        )

    @property
    def shown_as(self) -> EventStatus | None:
        """The iCalendar status under which calendars show it."""
        return event_status(self.status)

    @property
    def times(self) -> tuple[datetime, datetime]:
        return self.start, self.end

    @property
    def site(self) -> Site | None:
        return self.location.site if self.location is not None else None

    @property
    def in_calendars(self) -> tuple[Any, ...]:
        """What its calendar entry says, and in whose calendars it stands."""
        times = (*self.times, self.local_start)
        labels = [self.details[name] for name in LABELS]
        return (self.shown_as, times, self.location, set(self.practitioners), labels)


def differences(before: Snapshot, after: Snapshot) -> Mapping[str, tuple[Any, Any]]:
    """Return (old, new) of what changed, by field; a new time comes with both ends."""
    found: dict[str, tuple[Any, Any]] = {}
    if before.times != after.times:
        found["start"], found["end"] = (before.start, after.start), (before.end, after.end)
    elif before.local_start != after.local_start:
        found["hour"] = (before.local_start, after.local_start)
    for name in ("status", "stage", "response"):
        if getattr(before, name) is not getattr(after, name):
            found[name] = (getattr(before, name), getattr(after, name))
    if before.location is not after.location:
        found["location"] = (_name(before.location), _name(after.location))
    if before.practitioners != after.practitioners:
        found["practitioners"] = (
            [one.name for one in before.practitioners],
            [one.name for one in after.practitioners],
        )
    if before.patient is not after.patient:
        found["patient"] = (before.patient.public_id, after.patient.public_id)
    for name in DETAILS:
        if before.details[name] != after.details[name]:
            found[name] = (before.details[name], after.details[name])
    return found


def _name(location: Location | None) -> str | None:
    return location.name if location else None
