"""Courses as a list, without their appointments."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from scheduler.api.fields import At, Id, View, at
from scheduler.api.operations import Answer, call
from scheduler.api.paging import Paged, page
from scheduler.api.withheld import Details, withhold
from scheduler.database import db
from scheduler.domain.status import CarePlanStatus
from scheduler.http import access
from scheduler.models import care_plan as care_plans
from scheduler.models.care_plan import CarePlan
from scheduler.services.actors import Actor
from scheduler.services.patient import patients

Status = Literal["draft", "active", "on-hold", "revoked", "completed", "entered-in-error"]


class CarePlanSummary(View):
    """A course; `GET /care-plans/{id}` has its appointments.

    `withheld` names the fields that are empty because the caller's role does not see them.
    """

    id: Id
    patient_id: Id
    plan_definition: str
    plan_version: int
    title: str
    status: Status
    reason: str
    created_at: At
    status_at: At
    expires_at: At | None
    version: int
    withheld: list[str]


class CarePlanPage(View):
    items: list[CarePlanSummary]
    next_cursor: str | None


class CarePlanQuery(Paged):
    patient_id: Id | None = None
    status: list[Status] = Field(default=[], max_length=6)


DETAILS: Details = {"reasons": {"reason": ""}}


@call("GET", "/care-plans", may="view", query=CarePlanQuery, gives=CarePlanPage)
def list_care_plans(actor: Actor, query: CarePlanQuery) -> Answer:
    """List courses, the latest made first."""
    session = db.session()
    patient = patients.get(session, actor.clinic, query.patient_id) if query.patient_id else None
    rows = care_plans.listed(actor.clinic.id, patient, [CarePlanStatus(one) for one in query.status])
    order = (CarePlan.created_at, CarePlan.public_id)
    found, cursor = page(
        session, rows, query, order, lambda row: (row.created_at, row.public_id), newest_first=True
    )
    return Answer(CarePlanPage(items=[_view(row) for row in found], next_cursor=cursor))


def _view(care_plan: CarePlan) -> CarePlanSummary:
    access.touch(care_plan)
    shown = CarePlanSummary(
        id=care_plan.public_id,
        patient_id=care_plan.patient.public_id,
        plan_definition=care_plan.plan_definition.key,
        plan_version=care_plan.plan_definition.version,
        title=care_plan.plan_definition.title,
        status=care_plan.status.value,
        reason=care_plan.status_reason,
        created_at=at(care_plan.created_at),
        status_at=at(care_plan.status_at),
        expires_at=at(care_plan.expires_at) if care_plan.expires_at else None,
        version=care_plan.row_version,
        withheld=[],
    )
    return withhold(shown, DETAILS)
