"""Appointments: found, shown, and booked one at a time."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator
from sqlalchemy import Select, select
from sqlalchemy.orm import selectinload

from scheduler import clock
from scheduler.api import care_plans
from scheduler.api.appointment_views import AppointmentPage, AppointmentView, Status, view
from scheduler.api.explicit_courses import VisitBody, where
from scheduler.api.fields import Id, Instant, OverrideReason, Reason
from scheduler.api.operations import Answer, call
from scheduler.api.paging import Paged, page
from scheduler.api.proposals import Key
from scheduler.database import db
from scheduler.domain.plans import Action, Plan
from scheduler.domain.status import AppointmentStatus
from scheduler.errors import Invalid, NotFound
from scheduler.models import appointment as appointments
from scheduler.models.appointment import Appointment, Participant
from scheduler.services.actors import Actor
from scheduler.services.clinic import places, plans
from scheduler.services.course import booking
from scheduler.services.patient import patients


class NewAppointment(VisitBody):
    """One visit: an action of a protocol for a patient, or of a course that is under way.

    `replaces_id` is the cancelled or missed visit of that course that this one makes up for. `override_reason` breaks
    soft gaps of the course, for a role that may.
    """

    patient_id: Id | None = None
    plan_definition: Key | None = None
    care_plan_id: Id | None = None
    replaces_id: Id | None = None
    reason: Reason = ""
    override_reason: OverrideReason = ""

    @model_validator(mode="after")
    def _either(self) -> NewAppointment:
        alone = self.patient_id is not None and self.plan_definition is not None
        partly = self.patient_id is not None or self.plan_definition is not None
        if (self.care_plan_id is None) == (not alone) or (self.care_plan_id is not None and partly):
            raise ValueError("give either care_plan_id, or patient_id and plan_definition")
        if self.replaces_id is not None and self.care_plan_id is None:
            raise ValueError("replaces_id needs care_plan_id")
        return self


class AppointmentQuery(Paged):
    """`from` and `to` bound the start: from <= start < to."""

    start: Annotated[Instant | None, Field(alias="from")] = None
    end: Annotated[Instant | None, Field(alias="to")] = None
    patient_id: Id | None = None
    care_plan_id: Id | None = None
    location_id: Id | None = None
    practitioner_id: Id | None = None
    status: list[Status] = Field(default=[], max_length=len(AppointmentStatus))


@call("GET", "/appointments", may="view", query=AppointmentQuery, gives=AppointmentPage)
def list_appointments(actor: Actor, query: AppointmentQuery) -> Answer:
    """List appointments in order of start. `status` may be given several times."""
    rows = _narrowed(actor, query).options(
        selectinload(Appointment.patient),
        selectinload(Appointment.location),
        selectinload(Appointment.care_plan),
        selectinload(Appointment.participants).selectinload(Participant.practitioner),
    )
    order = (Appointment.start_at, Appointment.public_id)
    found, cursor = page(db.session(), rows, query, order, lambda row: (row.start_at, row.public_id))
    return Answer(AppointmentPage(items=[view(row) for row in found], next_cursor=cursor))


@call(
    "POST",
    "/appointments",
    may="book",
    body=NewAppointment,
    gives=AppointmentView,
    status=201,
    refuses=(409,),
)
def book_appointment(actor: Actor, body: NewAppointment) -> Answer:
    """Book one visit. A free place and free people are found unless they are given.

    422 `rule-broken` lists the gaps of its course that it would break; 409 `wrong-status` says that the visit to make
    up for stands, or has been made up for.
    """
    session, clinic = db.session(), actor.clinic
    if body.care_plan_id is not None:
        care_plan = care_plans.find(actor, body.care_plan_id)
        patient, plan = care_plan.patient, care_plan.plan_definition.plan
    else:
        care_plan = None
        patient = patients.get(session, clinic, body.patient_id or "")
        plan = plans.current(session, clinic, body.plan_definition or "").plan
    visit = booking.book_visit(
        session,
        actor,
        patient,
        _action(plan, body.action),
        body.start,
        clock.now(),
        location=where(session, actor, body.location_id, body.site_id),
        practitioners=[places.get_practitioner(session, clinic, one) for one in body.practitioner_ids],
        care_plan=care_plan,
        replaces=find(actor, body.replaces_id) if body.replaces_id else None,
        reason=body.reason,
        override_reason=body.override_reason,
    )
    return answer(visit)


@call("GET", "/appointments/<appointment_id>", may="view", gives=AppointmentView, versioned=True)
def get_appointment(actor: Actor, appointment_id: str) -> Answer:
    """Show an appointment. Reading it is noted in the audit trail."""
    return answer(find(actor, appointment_id))


def find(actor: Actor, appointment_id: str) -> Appointment:
    """Return the clinic's appointment. Raises NotFound."""
    visit = appointments.by_public_id(db.session(), actor.clinic.id, appointment_id)
    if visit is None:
        raise NotFound
    return visit


def answer(visit: Appointment) -> Answer:
    """Return the answer that shows one appointment."""
    db.session().flush()
    return Answer(view(visit), visit.row_version, f"/api/v1/appointments/{visit.public_id}")


def _action(plan: Plan, key: str) -> Action:
    try:
        return plan.action(key)
    except KeyError:
        raise Invalid([("action", f"the protocol has no visit {key}")]) from None


def _narrowed(actor: Actor, query: AppointmentQuery) -> Select[Appointment]:
    """Return the query for what was asked. Raises NotFound for ids of another clinic."""
    session, clinic = db.session(), actor.clinic
    rows = select(Appointment).where(Appointment.clinic_id == clinic.id)
    if query.start is not None:
        rows = rows.where(Appointment.start_at >= query.start)
    if query.end is not None:
        rows = rows.where(Appointment.start_at < query.end)
    if query.status:
        rows = rows.where(Appointment.status.in_(query.status))
    if query.patient_id is not None:
        rows = rows.where(Appointment.patient_id == patients.get(session, clinic, query.patient_id).id)
    if query.care_plan_id is not None:
        rows = rows.where(Appointment.care_plan_id == care_plans.find(actor, query.care_plan_id).id)
    if query.location_id is not None:
        place = places.get_location(session, clinic, query.location_id)
        rows = rows.where(Appointment.location_id == place.id)
    if query.practitioner_id is not None:
        person = places.get_practitioner(session, clinic, query.practitioner_id)
        theirs = select(Participant.appointment_id).where(Participant.practitioner_id == person.id)
        rows = rows.where(Appointment.id.in_(theirs))
    return rows
