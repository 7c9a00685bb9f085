"""What a report counts: a clinic, a period, and the visits of one practitioner, one protocol or one site.

A visit belongs to the day and hour that it has by the clinic's own clock (`local_start`), so a clock change moves none
into another day. What has no such time (a message, the end of a course) belongs to the clinic-local day of its instant.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import ColumnElement, exists, select
from sqlalchemy.orm import Session, aliased, defer

from scheduler.domain.periods import Period
from scheduler.domain.plans import Plan
from scheduler.models.appointment import Appointment, Participant
from scheduler.models.care_plan import CarePlan
from scheduler.models.clinic import Clinic
from scheduler.models.location import Location
from scheduler.models.plan_definition import PlanDefinition
from scheduler.models.practitioner import Practitioner
from scheduler.models.site import Site

Conditions = tuple[ColumnElement[bool], ...]


@dataclass(frozen=True)
class ReportScope:
    """`definitions` are all versions of the clinic's protocols by id; `protocol` is the key of the one that counts."""

    clinic: Clinic
    period: Period
    now: datetime
    definitions: Mapping[int, PlanDefinition]
    practitioner: Practitioner | None = None
    protocol: str = ""
    site: Site | None = None

    @property
    def before(self) -> ReportScope:
        """The same for the period before."""
        return replace(self, period=self.period.before)

    @property
    def both(self) -> ReportScope:
        """The same for the period and the one before together."""
        return replace(self, period=Period(self.period.before.first_on, self.period.last_on))

    @property
    def plans(self) -> dict[int, Plan]:
        """The protocols that count, by the id of their version."""
        return {
            id_: one.plan
            for id_, one in self.definitions.items()
            if not self.protocol or one.key == self.protocol
        }

    @property
    def protocols(self) -> list[PlanDefinition]:
        """The newest version of each protocol that is not retired, by title."""
        newest = {one.key: one for one in self.definitions.values()}  # in order of id
        return sorted((one for one in newest.values() if one.retired_at is None), key=lambda one: one.title)

    @property
    def visits(self) -> Conditions:
        """Select the visits that start in the period."""
        return (
            Appointment.clinic_id == self.clinic.id,
            Appointment.local_start >= self.period.local_start,
            Appointment.local_start < self.period.local_end,
            *self.of_filters,
        )

    @property
    def of_filters(self) -> Conditions:
        """Select visits by practitioner, protocol and site, whenever they are."""
        found: list[ColumnElement[bool]] = []
        if self.practitioner is not None:
            takes_part = exists().where(
                Participant.appointment_id == Appointment.id,
                Participant.practitioner_id == self.practitioner.id,
            )
            found.append(takes_part)
        if self.protocol:
            ids = [id_ for id_, one in self.definitions.items() if one.key == self.protocol]
            course = aliased(CarePlan)
            of_protocol = exists().where(
                course.id == Appointment.care_plan_id, course.plan_definition_id.in_(ids)
            )
            found.append(of_protocol)
        if self.site is not None:
            places = select(Location.id).where(Location.site_id == self.site.id)
            found.append(Appointment.location_id.in_(places))
        return tuple(found)


def scope_of(session: Session, clinic: Clinic, period: Period, now: datetime) -> ReportScope:
    """Return what a report of these days counts: all visits of the clinic."""
    query = select(PlanDefinition).where(PlanDefinition.clinic_id == clinic.id)
    query = query.options(defer(PlanDefinition.document))  # large, and read only until the plan is known
    definitions = {one.id: one for one in session.scalars(query.order_by(PlanDefinition.id))}
    return ReportScope(clinic, period, now, definitions)
