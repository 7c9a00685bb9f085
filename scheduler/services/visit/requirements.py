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
    VisitCount,
    count_of,
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
    "VisitCount",
    "complete",
    "count_of",
    "may_complete",
    "open_requirements",
    "reopen",
    "rules_for",
    "status_by_requirements",
    "write_rows",
]

S = AppointmentStatus


def write_rows(session: Session, care_plan: CarePlan, appointments: Iterable[Appointment]) -> None:
    """Write an open requirement for each that guards these visits and has no row yet. The visits are flushed."""
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
    applies: bool = True,
    approved_visits: int | None = None,
    valid_from_on: date | None = None,
    completed_at: datetime | None = None,
) -> Requirement:
    """Settle a requirement, for the course or (per session) for one visit. Equal values change nothing.

    `completed_at` is for what was settled elsewhere before, by the roles there (an import); how long it holds counts
    from there.

    Without `applies` it is noted that it does not apply to the patient. An authorization is for `approved_visits` from
    `valid_from_on` on. Raises NotFound for a requirement it does not have, Forbidden for a role that the protocol does
    not name, Invalid for a date beyond what the protocol allows, for what the protocol asks for and is not given, and
    for a waiver without a sufficient note.
    """
    requirement = _find(care_plan, key, appointment)
    rule = care_plan.plan_definition.plan.requirement(key)
    today = local_on(now, actor.clinic.zone)
    completed_on = local_on(completed_at or now, actor.clinic.zone)
    valid_until = valid_until_on or (good_until(rule, completed_on) if applies else None)
    values = (document, note, waived, valid_until, applies, approved_visits, valid_from_on)
    equal = requirement.completed_at and _values(requirement) == values
    if waived and not equal:
        require(actor, "override")
    if completed_at is None:
        _require_role(actor, rule)
    if equal:
        return requirement  # also when its last day is over by now
    if waived and not is_reason(note):
        raise Invalid([("note", WORDS)])
    _require_date(rule, valid_until_on, today, actor.clinic.formats)
    _require_details(rule, values)
    requirement.applies = applies
    requirement.approved_visits, requirement.valid_from_on = approved_visits, valid_from_on
    requirement.completed_at, requirement.completed_by_id = completed_at or now, actor.user_id
    requirement.document = document
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
    applies: bool | None = None,
) -> Requirement:
    """Undo the completion of a requirement; an open one stays as it is. `applies` None: not asked yet.

    Raises Forbidden for a role that the protocol does not name, Invalid for one that is open and does not apply.
    """
    requirement = _find(care_plan, key, appointment)
    rule = care_plan.plan_definition.plan.requirement(key)
    _require_role(actor, rule)
    if applies is False:
        raise Invalid([("applies", "is complete when it does not apply")])
    applies = applies if rule.if_applies else None
    if requirement.completed_at is None and requirement.applies is applies:
        return requirement
    requirement.applies = applies
    requirement.approved_visits = requirement.valid_from_on = None
    requirement.completed_at, requirement.completed_by_id, requirement.valid_until_on = None, None, None
    requirement.document, requirement.note, requirement.waived = "", "", False
    _settle(session, actor, care_plan, now, f"requirement-reopened:{key}")
    audit.record(session, actor, "requirement.reopened", care_plan, now, fields=[key])
    return requirement


Values = tuple[str, str, bool, date | None, bool, int | None, date | None]


def _values(requirement: Requirement) -> Values:
    return (
        requirement.document,
        requirement.note,
        requirement.waived,
        requirement.valid_until_on,
        requirement.applies is not False,
        requirement.approved_visits,
        requirement.valid_from_on,
    )


def _require_details(rule: RequirementDefinition, values: Values) -> None:
    """Raise Invalid, naming each field, unless what the protocol asks for is there and nothing else."""
    document, _note, waived, until, applies, approved, from_on = values
    faults = []
    if not applies and not rule.if_applies:
        faults.append(("applies", "the protocol does not ask whether it applies"))
    counts = rule.holds is Holds.VISITS
    if not counts and approved is not None:
        faults.append(("approved_visits", "the protocol counts no visits for it"))
    if not counts and from_on is not None:
        faults.append(("valid_from", "the protocol counts no visits for it"))
    if from_on is not None and until is not None and until < from_on:
        faults.append(("valid_until", "is before its first day"))
    if applies and not waived:
        if rule.reference and not document:
            faults.append(("document", "is missing: the protocol asks for a document or number"))
        if counts and not approved:
            faults.append(("approved_visits", "is missing: enter the number of approved visits"))
        if rule.holds is Holds.UNTIL and until is None:
            faults.append(("valid_until", "is missing: enter the last valid date"))
    if faults:
        raise Invalid(faults)


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
    asked = {
        rule.key for rule in care_plan.plan_definition.plan.requirements
    }  # an earlier protocol left others
    rows: Sequence[Requirement] = [
        requirement for requirement in care_plan.requirements if requirement.key == key and key in asked
    ]
    for requirement in rows:
        if requirement.appointment_id == wanted:
            return requirement
    if rows and appointment is None:
        raise NotFound(f"The requirement {key} is completed for each visit: specify the visit")
    raise NotFound(f"This course has no requirement {key}" + (" for that visit" if appointment else ""))
