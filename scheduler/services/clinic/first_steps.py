"""What a new clinic needs before its first course can be booked, in the order in which one builds on the other."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from scheduler.models.clinic import Clinic
from scheduler.models.location import Location
from scheduler.models.patient import Patient
from scheduler.models.plan_definition import PlanDefinition
from scheduler.models.practitioner import Practitioner
from scheduler.models.schedule import ScheduleHours


class SetupStep(StrEnum):
    HOURS = "hours"
    PLACES = "places"
    PEOPLE = "people"
    PROTOCOL = "protocol"
    CONTACTS = "contacts"
    PATIENT = "patient"


@dataclass(frozen=True)
class FirstSteps:
    """Which steps are done."""

    done: frozenset[SetupStep]

    @property
    def next(self) -> SetupStep | None:
        """The first step that is not done, None when all are."""
        return next((step for step in SetupStep if step not in self.done), None)

    @property
    def count(self) -> int:
        return len(self.done)


def first_steps(session: Session, clinic: Clinic) -> FirstSteps:
    """Return how far a clinic is, by one query."""
    there = {
        SetupStep.HOURS: select(ScheduleHours.id).where(
            ScheduleHours.clinic_id == clinic.id, ScheduleHours.resource_id.is_(None)
        ),
        SetupStep.PLACES: select(Location.id).where(Location.clinic_id == clinic.id),
        SetupStep.PEOPLE: select(Practitioner.id).where(Practitioner.clinic_id == clinic.id),
        SetupStep.PROTOCOL: select(PlanDefinition.id).where(PlanDefinition.clinic_id == clinic.id),
        SetupStep.PATIENT: select(Patient.id).where(
            Patient.clinic_id == clinic.id, Patient.import_key.is_(None)
        ),
    }
    row = session.execute(select(*(query.exists().label(step.value) for step, query in there.items()))).one()
    done = {step for step in there if row._mapping[step.value]}
    return FirstSteps(frozenset(done | ({SetupStep.CONTACTS} if clinic.settings.answer_contacts else set())))
