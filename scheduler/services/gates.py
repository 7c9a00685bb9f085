"""Gates of a course: which are open for a visit, closing and reopening them.

An open gate makes a visit tentative (pending). Closing the last one books it: the calendar's status changes, so
`sequence` goes up, and no mail is sent. Rows are written with the course: one for all visits, or one for each where the
plan says "per session".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy.orm import Session

from scheduler.domain.gates import Settled, good_until, why_open
from scheduler.domain.localtime import local_on
from scheduler.domain.plans import Gate as GateRule
from scheduler.domain.plans import Holds
from scheduler.domain.status import AppointmentStatus
from scheduler.errors import NotFound
from scheduler.models.appointment import Appointment
from scheduler.models.care_plan import CarePlan
from scheduler.models.gate import Gate
from scheduler.models.versions import raise_versions
from scheduler.services import audit
from scheduler.services.actors import Actor
from scheduler.services.events import calendar_changed, feed_resources, record_event


@dataclass(frozen=True)
class OpenGate:
    """A gate that is not settled for one visit, and why."""

    key: str
    title: str
    why: str


def rules_for(appointment: Appointment) -> tuple[GateRule, ...]:
    """Return the gates that guard a visit; none where its course's plan does not know its action."""
    if appointment.care_plan is None:
        return ()
    plan = appointment.care_plan.plan_definition.plan
    action = next((action for action in plan.actions if action.key == appointment.action), None)
    return tuple(plan.gate(key) for key in action.gates) if action else ()


def write_rows(session: Session, care_plan: CarePlan, appointments: Iterable[Appointment]) -> None:
    """Write an open gate for whatever guards these visits and has no row yet. The visits are flushed."""
    there = {(gate.key, gate.appointment_id) for gate in care_plan.gates}
    for appointment in appointments:
        for rule in rules_for(appointment):
            own = appointment.id if rule.holds is Holds.PER_SESSION else None
            if (rule.key, own) not in there:
                there.add((rule.key, own))
                care_plan.gates.append(Gate(clinic_id=care_plan.clinic_id, key=rule.key, appointment_id=own))
    session.flush()


def open_gates(appointment: Appointment) -> list[OpenGate]:
    """Return what is not settled for a visit, in the plan's order."""
    found = []
    for rule in rules_for(appointment):
        row = _row(appointment, rule)
        visit_on = local_on(appointment.start_at, appointment.zone)
        why = why_open(rule, _settled(row), appointment.start_at, visit_on)
        if why:
            found.append(OpenGate(rule.key, rule.title, why))
    return found


def status_by_gates(appointment: Appointment) -> AppointmentStatus:
    """Return what a visit that stands is: pending while a gate is open, else booked."""
    return AppointmentStatus.PENDING if open_gates(appointment) else AppointmentStatus.BOOKED


def close(
    session: Session,
    actor: Actor,
    care_plan: CarePlan,
    key: str,
    now: datetime,
    appointment: Appointment | None = None,
    document: str = "",
    valid_until_on: date | None = None,
    note: str = "",
    waived: bool = False,
) -> Gate:
    """Settle a gate, for the course or (per session) for one visit. Raises NotFound for a gate it does not have."""
    gate = _find(care_plan, key, appointment)
    rule = care_plan.plan_definition.plan.gate(key)
    gate.closed_at, gate.closed_by_id, gate.document = now, actor.user_id, document
    gate.note, gate.waived = note, waived
    gate.valid_until_on = valid_until_on or good_until(rule, local_on(now, actor.clinic.zone))
    _settle(session, actor, care_plan, now, f"gate-closed:{key}")
    audit.record(session, actor, "gate.closed", care_plan, now, fields=[key], reason=note if waived else "")
    return gate


def reopen(
    session: Session,
    actor: Actor,
    care_plan: CarePlan,
    key: str,
    now: datetime,
    appointment: Appointment | None = None,
) -> Gate:
    """Take back that a gate was settled."""
    gate = _find(care_plan, key, appointment)
    gate.closed_at, gate.closed_by_id, gate.valid_until_on = None, None, None
    gate.document, gate.note, gate.waived = "", "", False
    _settle(session, actor, care_plan, now, f"gate-reopened:{key}")
    audit.record(session, actor, "gate.reopened", care_plan, now, fields=[key])
    return gate


def _settle(session: Session, actor: Actor, care_plan: CarePlan, now: datetime, kind: str) -> None:
    """Bring the visits ahead in line with the gates."""
    session.flush()
    changed = []
    for appointment in care_plan.appointments:
        if appointment.status not in (AppointmentStatus.PENDING, AppointmentStatus.BOOKED):
            continue
        status = status_by_gates(appointment)
        if status is not appointment.status:
            record_event(
                session, actor, appointment, kind, now, changes={"status": (appointment.status, status)}
            )
            appointment.status = status
            calendar_changed(appointment, now)
            changed.append(appointment)
    raise_versions(session, actor.clinic.id, feed_resources(changed), now)


def _find(care_plan: CarePlan, key: str, appointment: Appointment | None) -> Gate:
    wanted = appointment.id if appointment else None
    rows: Sequence[Gate] = [gate for gate in care_plan.gates if gate.key == key]
    for gate in rows:
        if gate.appointment_id == wanted:
            return gate
    if rows and appointment is None:
        raise NotFound(f"The gate {key} is settled for each visit: say which")
    raise NotFound(f"This course has no gate {key}" + (" for that visit" if appointment else ""))


def _row(appointment: Appointment, rule: GateRule) -> Gate | None:
    own = appointment.id if rule.holds is Holds.PER_SESSION else None
    gates = appointment.care_plan.gates if appointment.care_plan else []
    return next((gate for gate in gates if gate.key == rule.key and gate.appointment_id == own), None)


def _settled(gate: Gate | None) -> Settled | None:
    if gate is None or gate.closed_at is None:
        return None
    return Settled(gate.closed_at, gate.valid_until_on, gate.waived)
