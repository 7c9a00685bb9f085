"""The kinds of resource this interface has, by name. Each comes from a file of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from scheduler.fhir import (
    appointments,
    care_plans,
    locations,
    patients,
    plan_definitions,
    practitioners,
    schedules,
    slots,
)
from scheduler.fhir.elements import Element
from scheduler.fhir.searches import SearchPage, SearchRequest
from scheduler.services.actors import Actor


@dataclass(frozen=True)
class Kind:
    """`parameters` are the search parameters with their FHIR type. `read` raises NotFound."""

    name: str
    parameters: Mapping[str, str]
    read: Callable[[Session, Actor, str, datetime], Element]
    search: Callable[[Session, Actor, SearchRequest, datetime], SearchPage]


KINDS = {
    kind.name: kind
    for kind in (
        Kind("Appointment", appointments.PARAMETERS, appointments.read, appointments.search),
        Kind("CarePlan", care_plans.PARAMETERS, care_plans.read, care_plans.search),
        Kind("Location", locations.PARAMETERS, locations.read, locations.search),
        Kind("Patient", patients.PARAMETERS, patients.read, patients.search),
        Kind("PlanDefinition", plan_definitions.PARAMETERS, plan_definitions.read, plan_definitions.search),
        Kind("Practitioner", practitioners.PARAMETERS, practitioners.read, practitioners.search),
        Kind("Schedule", schedules.PARAMETERS, schedules.read, schedules.search),
        Kind("Slot", slots.PARAMETERS, slots.read, slots.search),
    )
}
