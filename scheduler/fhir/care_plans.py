"""CarePlan: one patient's course, with its appointments as activities. Reading them is noted in the audit trail."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session, selectinload

from scheduler.domain.status import CarePlanStatus
from scheduler.errors import NotFound
from scheduler.fhir import values
from scheduler.fhir.elements import Element, base_url, filled, instant, reference
from scheduler.fhir.searches import SearchableTable, SearchPage, SearchRequest
from scheduler.http import access
from scheduler.http.bearer import caller
from scheduler.models import care_plan as care_plans
from scheduler.models.appointment import appointments_of
from scheduler.models.care_plan import CarePlan
from scheduler.models.patient import Patient
from scheduler.services.actors import Actor

PARAMETERS = {"patient": "reference", "subject": "reference", "status": "token"}


def read(session: Session, actor: Actor, public_id: str, now: datetime) -> Element:
    del now
    care_plan = care_plans.by_public_id(session, actor.clinic.id, public_id)
    if care_plan is None:
        raise NotFound
    return view(care_plan)


def search(session: Session, actor: Actor, asked: SearchRequest, now: datetime) -> SearchPage:
    del now
    return ROWS.search(session, actor, asked)


def view(care_plan: CarePlan) -> Element:
    access.touch(care_plan)
    zone, definition = caller().clinic.zone, care_plan.plan_definition
    visits = sorted(appointments_of(care_plan), key=lambda one: (one.start_at, one.id))
    period = (
        {
            "start": instant(visits[0].start_at, zone),
            "end": instant(max(one.end_at for one in visits), zone),
        }
        if visits
        else None
    )
    return {
        "resourceType": "CarePlan",
        "id": care_plan.public_id,
        "meta": {"versionId": str(care_plan.row_version)},
        **filled(
            instantiatesCanonical=[f"{base_url()}/PlanDefinition/{definition.public_id}"],
            status=care_plan.status.value,
            intent="plan",
            title=definition.title,
            subject=reference("Patient", care_plan.patient.public_id),
            period=period,
            created=instant(care_plan.created_at, zone),
            activity=[{"reference": reference("Appointment", one.public_id, one.title)} for one in visits],
        ),
    }


def _narrow(actor: Actor, name: str, value: str) -> ColumnElement[bool]:
    if name == "status":
        return CarePlan.status.in_(values.codes(name, value, CarePlanStatus))
    wanted = values.ids(name, value, "Patient")
    chosen = select(Patient.id).where(Patient.clinic_id == actor.clinic.id, Patient.public_id.in_(wanted))
    return CarePlan.patient_id.in_(chosen)


ROWS = SearchableTable(
    CarePlan,
    (CarePlan.public_id,),
    _narrow,
    view,
    options=(
        selectinload(CarePlan.appointments),
        selectinload(CarePlan.patient),
        selectinload(CarePlan.plan_definition),
    ),
)
