"""What the planner knows of a clinic's next weeks, as plain values.

Hours are windows in which work is possible, closures windows in which it is not; both are kept as they were given, so
that the validator can judge a plan by them without the planner's bitsets. `None` as a resource id is the clinic itself.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from scheduler.domain.formats import USUAL, Formats
from scheduler.domain.planner.model import PlannerResource
from scheduler.domain.windows import Window

Taken = tuple[int, int, Window]  # resource id, unit, when


@dataclass(frozen=True)
class Calendar:
    """`days` clinic-local days from `first_on`; beyond them nothing is planned.

    `hours` holds when the clinic is open (None) and when each resource works; a resource without an entry works
    whenever the clinic is open. `closures` takes time away again, from the clinic or from one resource.
    `patient_busy` is when the patient has other appointments. `notice` is how long before its start a visit must be
    planned. `formats` is how the answers write dates and times.
    """

    zone: ZoneInfo
    first_on: date
    days: int
    resources: tuple[PlannerResource, ...]
    hours: Mapping[int | None, Sequence[Window]]
    closures: Mapping[int | None, Sequence[Window]] = field(default_factory=dict)
    occupied: Collection[Taken] = ()
    patient_busy: Sequence[Window] = ()
    notice: timedelta = timedelta()
    formats: Formats = USUAL

    def resource(self, resource_id: int) -> PlannerResource | None:
        return next((resource for resource in self.resources if resource.id == resource_id), None)
