"""Requirements of a course: consent, clearance, a driver ... `name` is the requirement's key in the plan."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from scheduler import clock
from scheduler.api.care_plans import find
from scheduler.api.fields import At, Body, Day, Id, On, Query, ReadOnly, TextLine, View, at
from scheduler.api.operations import Answer, call
from scheduler.api.withheld import Details, withhold
from scheduler.database import db
from scheduler.errors import NotFound
from scheduler.http import access
from scheduler.models.appointment import Appointment, appointments_of
from scheduler.models.appointment import by_public_id as visit_by_public_id
from scheduler.models.care_plan import CarePlan
from scheduler.models.requirement import Requirement
from scheduler.models.user import User
from scheduler.services.actors import Actor
from scheduler.services.visit import requirements


class RequirementView(View):
    """A requirement of the course, or of one visit. `completed_at` is when it was settled, `valid_until` its last day.

    `applies` is null until staff have said whether it does, where the protocol asks. An authorization is good for
    `approved_visits` from `valid_from` on (null: all of the course): `used` took place, `planned` are ahead.

    `completed_by` are the roles that may settle, waive or override it; empty: every role that has the permission.
    `withheld` names the fields that are empty because the caller's role does not see them.
    """

    name: ReadOnly[str]
    title: ReadOnly[str]
    appointment_id: Id | None
    applies: bool | None
    completed: bool
    completed_at: ReadOnly[At | None]
    recorded_by: ReadOnly[str | None]
    valid_from: On | None
    valid_until: On | None
    approved_visits: int | None
    used: ReadOnly[int | None]
    planned: ReadOnly[int | None]
    document: str
    note: str
    waived: bool
    completed_by: ReadOnly[list[str]]
    withheld: ReadOnly[list[str]]


class RequirementBody(Body, view=RequirementView):
    """`completed` completes the requirement or opens it again. `appointment_id` is needed where each visit has its own.

    `document` says where the paper is. `valid_until` may not be later than the protocol's `valid_days` from today, nor
    before today. `waived` passes it without, which needs the permission `override` and a note of at least 10 characters
    that are not only punctuation. `applies` false notes that it does not apply, which completes it;
    with `completed` false, true says that it does. Where the protocol names roles (`completed_by`), only they
    do any of this.
    """

    completed: bool
    appointment_id: Id | None = None
    applies: bool | None = None
    valid_from: Day | None = None
    approved_visits: Annotated[int, Field(ge=1, le=1000)] | None = None
    document: Annotated[str, TextLine(300)] = ""
    valid_until: Day | None = None
    note: Annotated[str, TextLine(1000, lines=True)] = ""
    waived: bool = False


DETAILS: Details = {"requirement-notes": {"document": "", "note": ""}}


class RequirementList(View):
    items: list[RequirementView]
    next_cursor: str | None = None


class RequirementQuery(Query):
    appointment_id: Id | None = None


@call("GET", "/care-plans/<care_plan_id>/requirements", may="view", gives=RequirementList)
def list_requirements(actor: Actor, care_plan_id: str) -> Answer:
    """List the requirements of a course, settled or not."""
    care_plan = find(actor, care_plan_id)
    return Answer(
        RequirementList(items=[_view(care_plan, requirement) for requirement in care_plan.requirements])
    )


@call(
    "GET",
    "/care-plans/<care_plan_id>/requirements/<name>",
    may="view",
    query=RequirementQuery,
    gives=RequirementView,
)
def get_requirement(actor: Actor, query: RequirementQuery, care_plan_id: str, name: str) -> Answer:
    """Show one requirement; `appointment_id` says which where each visit has its own."""
    care_plan = find(actor, care_plan_id)
    visit = _visit(care_plan, query.appointment_id)
    own = visit.id if visit else None
    for requirement in care_plan.requirements:
        if requirement.key == name and requirement.appointment_id == own:
            return Answer(_view(care_plan, requirement))
    raise NotFound


@call(
    "PUT",
    "/care-plans/<care_plan_id>/requirements/<name>",
    may="requirements",
    body=RequirementBody,
    gives=RequirementView,
)
def put_requirement(actor: Actor, body: RequirementBody, care_plan_id: str, name: str) -> Answer:
    """Settle a requirement, or open it again. Closing the last one of a visit books it.

    403 `forbidden` with `completed_by` when the protocol leaves it to other roles.
    """
    care_plan, now = find(actor, care_plan_id), clock.now()
    visit = _visit(care_plan, body.appointment_id)
    if not body.completed:
        reopened = requirements.reopen(db.session(), actor, care_plan, name, now, visit, body.applies)
        return Answer(_view(care_plan, reopened))
    requirement = requirements.complete(
        db.session(),
        actor,
        care_plan,
        name,
        now,
        appointment=visit,
        document=body.document,
        valid_until_on=body.valid_until,
        note=body.note,
        waived=body.waived,
        applies=body.applies is not False,
        approved_visits=body.approved_visits,
        valid_from_on=body.valid_from,
    )
    return Answer(_view(care_plan, requirement))


def _visit(care_plan: CarePlan, appointment_id: str | None) -> Appointment | None:
    if appointment_id is None:
        return None
    visit = visit_by_public_id(db.session(), care_plan.clinic_id, appointment_id)
    if visit is None or visit.care_plan_id != care_plan.id:
        raise NotFound
    return visit


def _view(care_plan: CarePlan, requirement: Requirement) -> RequirementView:
    access.touch(care_plan)
    visits = {visit.id: visit for visit in appointments_of(care_plan)}
    own = visits.get(requirement.appointment_id) if requirement.appointment_id else None
    rule = care_plan.plan_definition.plan.requirement(requirement.key)
    count = requirements.count_of(care_plan, rule, requirement)
    from_on, until_on = requirement.valid_from_on, requirement.valid_until_on
    shown = RequirementView(
        name=requirement.key,
        title=rule.title,
        appointment_id=own.public_id if own else None,
        applies=requirement.applies if rule.if_applies else True,
        completed=requirement.completed_at is not None,
        completed_at=at(requirement.completed_at) if requirement.completed_at else None,
        recorded_by=_closer(requirement),
        valid_from=from_on.isoformat() if from_on else None,
        valid_until=until_on.isoformat() if until_on else None,
        approved_visits=requirement.approved_visits,
        used=count.used if count else None,
        planned=count.planned if count else None,
        document=requirement.document,
        note=requirement.note,
        waived=requirement.waived,
        completed_by=list(rule.completed_by),
        withheld=[],
    )
    return withhold(shown, DETAILS)


def _closer(requirement: Requirement) -> str | None:
    user = db.session().get(User, requirement.completed_by_id) if requirement.completed_by_id else None
    return user.email if user else None
