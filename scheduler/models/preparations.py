"""How a patient prepares for a visit, with times counted from the visit's current time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from scheduler.domain.plans import Edge, Instruction
from scheduler.models.appointment import Appointment


@dataclass(frozen=True, slots=True)
class PreparationLine:
    """A line of the preparation. Its text says {time} where `at` belongs; `at` is None where it says none."""

    text: str
    at: datetime | None


def steps(appointment: Appointment, language: str) -> list[PreparationLine]:
    """Return the visit's preparation in a language, in the order of its plan; nothing outside a plan."""
    if appointment.care_plan is None:
        return []
    plan = appointment.care_plan.plan_definition.plan
    key = next((action.preparation for action in plan.actions if action.key == appointment.action), None)
    preparation = next((one for one in plan.preparations if one.key == key), None)
    return [_step(line, appointment) for line in preparation.lines(language)] if preparation else []


def _step(line: Instruction, appointment: Appointment) -> PreparationLine:
    if line.offset is None:
        return PreparationLine(line.text, None)
    edge = appointment.start_at if line.edge is Edge.START else appointment.end_at
    return PreparationLine(line.text, edge + line.offset)
