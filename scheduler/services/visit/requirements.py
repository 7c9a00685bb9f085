"""Requirements of a course: which are open for a visit, closing and reopening them.

An open requirement makes a visit tentative (pending). Closing the last one books it: the calendar's status changes, so
`sequence` goes up, and no mail is sent. Rows are written with the course: one for all visits, or one for each where the
plan says "per session".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime

from sqlalchemy.orm import Session

from scheduler.domain.formats import Formats
from scheduler.domain.localtime import local_on
from scheduler.domain.plans import Holds, RequirementDefinition
from scheduler.domain.requirements import good_until
from scheduler.domain.status import AppointmentStatus
from scheduler.errors import Forbidden, Invalid, NotFound
from scheduler.models.appointment import Appointment, appointments_of
from scheduler.models.care_plan import CarePlan
from scheduler.models.open_requirements import (
    OpenRequirement,
    may_complete,
    open_requirements,
    rules_for,
    status_by_requirements,
)
from scheduler.models.requirement import Requirement
from scheduler.services.account.overrides import WORDS, is_reason
from scheduler.services.account.permissions import require
from scheduler.services.actors import Actor
from scheduler.services.mail.requirement_mails import requirements_changed
from scheduler.services.trail import audit
from scheduler.services.visit.changes import changing

# who asks about requirements need not know that reading them is a file of its own
__all__ = [
    "OpenRequirement",
    "complete",
    "may_complete",
    "open_requirements",
    "reopen",
    "rules_for",
    "status_by_requirements",
    "write_rows",
]

S = AppointmentStatus


def write_rows(session: Session, care_plan: CarePlan, appointments: Iterable[Appointment]) -> None:
    """Write an open requirement for whatever guards these visits and has no row yet. The visits are flushed."""
    there = {(requirement.key, requirement.appointment_id) for requirement in care_plan.requirements}
    for appointment in appointments:
        for rule in rules_for(appointment):
            own = appointment.id if rule.holds is Holds.PER_SESSION else None
            if (rule.key, own) not in there:
                there.add((rule.key, own))
                care_plan.requirements.append(
                    Requirement(clinic_id=care_plan.clinic_id, key=rule.key, appointment_id=own)
                )
    session.flush()


def complete(
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
) -> Requirement:
    """Settle a requirement, for the course or (per session) for one visit. Equal values change nothing.

    Raises NotFound for a requirement it does not have, Forbidden for a role that the protocol does not name, Invalid
    for a date beyond what the protocol allows and for a waiver without a sufficient note.
    """
    requirement = _find(care_plan, key, appointment)
    rule = care_plan.plan_definition.plan.requirement(key)
    today = local_on(now, actor.clinic.zone)
    valid_until = valid_until_on or good_until(rule, today)
    equal = requirement.completed_at and _values(requirement) == (document, note, waived, valid_until)
    if waived and not equal:
        require(actor, "override")
    _require_role(actor, rule)
    if equal:
        return requirement  # also when its last day is over by now
    if waived and not is_reason(note):
        raise Invalid([("note", WORDS)])
    _require_date(rule, valid_until_on, today, actor.clinic.formats)
    requirement.completed_at, requirement.completed_by_id, requirement.document = now, actor.user_id, document
    requirement.note, requirement.waived = note, waived
    requirement.valid_until_on = valid_until
    _settle(session, actor, care_plan, now, f"requirement-completed:{key}")
    audit.record(
        session, actor, "requirement.completed", care_plan, now, fields=[key], reason=note if waived else ""
    )
    return requirement


def reopen(
    session: Session,
    actor: Actor,
    care_plan: CarePlan,
    key: str,
    now: datetime,
    appointment: Appointment | None = None,
) -> Requirement:
    """Take back that a requirement was settled; an open one stays as it is.

    Raises Forbidden for a role that the protocol does not name.
    """
    requirement = _find(care_plan, key, appointment)
    _require_role(actor, care_plan.plan_definition.plan.requirement(key))
    if requirement.completed_at is None:
        return requirement
    requirement.completed_at, requirement.completed_by_id, requirement.valid_until_on = None, None, None
    requirement.document, requirement.note, requirement.waived = "", "", False
    _settle(session, actor, care_plan, now, f"requirement-reopened:{key}")
    audit.record(session, actor, "requirement.reopened", care_plan, now, fields=[key])
    return requirement


def _values(requirement: Requirement) -> tuple[str, str, bool, date | None]:
    return requirement.document, requirement.note, requirement.waived, requirement.valid_until_on


def _require_role(actor: Actor, rule: RequirementDefinition) -> None:
    """Raise Forbidden unless the protocol lets the actor's role complete it. A patient names their driver."""
    if not may_complete(actor.role, rule.completed_by):
        roles = " or ".join(role.replace("-", " ") for role in rule.completed_by)
        raise Forbidden(
            f"{rule.title}: the protocol requires a {roles}", completed_by=list(rule.completed_by)
        )


def _require_date(
    rule: RequirementDefinition, valid_until_on: date | None, today: date, formats: Formats
) -> None:
    """Raise Invalid for a last day beyond what the protocol allows from today, or before today."""
    longest = good_until(rule, today)
    if valid_until_on is None:
        return
    if longest is not None and valid_until_on > longest:
        raise Invalid(
            [("valid_until", f"must be {formats.dated(longest)} at the latest: {rule.valid_days} days")]
        )
    if valid_until_on < today:
        raise Invalid([("valid_until", f"is before today, {formats.dated(today)}")])


def _settle(session: Session, actor: Actor, care_plan: CarePlan, now: datetime, kind: str) -> None:
    """Bring the visits ahead in line with the requirements, and what is to be asked about them."""
    session.flush()
    ahead = [one for one in appointments_of(care_plan) if one.status.is_expected]
    with changing(session, actor, now, ahead) as change:
        for appointment in ahead:
            status = status_by_requirements(appointment)
            if status is not appointment.status:
                change.note(appointment, kind, audit=None)
                appointment.status = status
    requirements_changed(session, ahead, now)


def _find(care_plan: CarePlan, key: str, appointment: Appointment | None) -> Requirement:
    wanted = appointment.id if appointment else None
    rows: Sequence[Requirement] = [
        requirement for requirement in care_plan.requirements if requirement.key == key
    ]
    for requirement in rows:
        if requirement.appointment_id == wanted:
            return requirement
    if rows and appointment is None:
        raise NotFound(f"The requirement {key} is completed for each visit: specify the visit")
    raise NotFound(f"This course has no requirement {key}" + (" for that visit" if appointment else ""))
