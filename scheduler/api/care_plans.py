"""Care plans: courses booked, reserved, held, resumed, stopped, completed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from scheduler import clock
from scheduler.api import explicit_courses
from scheduler.api.appointment_views import AppointmentView, Status
from scheduler.api.appointment_views import view as appointment_view
from scheduler.api.explicit_courses import CourseVisit
from scheduler.api.fields import At, Body, Day, Id, OverrideReason, ReasonBody, View, at
from scheduler.api.operations import Answer, call
from scheduler.api.proposals import Key
from scheduler.api.versions import check_match
from scheduler.api.withheld import Details, withhold
from scheduler.database import db
from scheduler.errors import NotFound
from scheduler.http import access, signing
from scheduler.models import care_plan as care_plans
from scheduler.models.appointment import appointments_of
from scheduler.models.care_plan import CarePlan
from scheduler.services.actors import Actor
from scheduler.services.clinic import plans
from scheduler.services.course import booking, careplans, missed_doses
from scheduler.services.patient import patients
from scheduler.services.planning import proposals
from scheduler.services.planning.courses import missing_steps

ByToken = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.\-]{1,60000}$")]


class NewCarePlan(Body):
    """Either the `token` of a proposal, or `patient_id`, `plan_definition` and `appointments`.

    With `reserve_minutes` the time is only kept for so long; activate the care plan to book it.
    """

    token: ByToken | None = None
    patient_id: Id | None = None
    plan_definition: Key | None = None
    appointments: list[CourseVisit] = Field(default=[], max_length=100)
    override_reason: OverrideReason = ""
    reserve_minutes: Annotated[int, Field(ge=1, le=7 * 24 * 60)] | None = None

    @model_validator(mode="after")
    def _either(self) -> NewCarePlan:
        explicit = (
            self.patient_id is not None and self.plan_definition is not None and bool(self.appointments)
        )
        any_explicit = self.patient_id is not None or self.plan_definition is not None or self.appointments
        if (self.token is None) == (not explicit) or (self.token is not None and any_explicit):
            raise ValueError("give either token, or patient_id, plan_definition and appointments")
        return self


class Revocation(ReasonBody):
    """`side` says who stopped the course."""

    side: Literal["patient", "clinic", "provider"] = "clinic"


class Resumption(ReasonBody):
    not_before: Day | None = None


class MissingStepView(View):
    """A visit of the course that was canceled or missed; `blocks` is the first visit that cannot take place without it.

    Checking that visit in is refused (409 `step-missing`) until this one is made up for, or skipped.
    """

    id: Id
    action: str
    title: str
    status: Status
    blocks: Id


class MissedDoseView(View):
    """What the protocol says of a dosing visit that was missed (`late_by` 0) or that is late: a proposal for staff.

    `late_by` counts beyond the longest spacing, in `unit`. `plan_definition` is a protocol under which to go on, or "".
    """

    appointment_id: Id
    late_by: int
    unit: str
    advice: str
    source: str
    plan_definition: str


class CarePlanView(View):
    """`withheld` names the fields that are empty here because the caller's role does not see them."""

    id: Id
    patient_id: Id
    plan_definition: str
    plan_version: int
    title: str
    status: Literal["draft", "active", "on-hold", "revoked", "completed", "entered-in-error"]
    reason: str
    override_reason: str
    created_at: At
    status_at: At
    expires_at: At | None
    version: int
    missing_steps: list[MissingStepView]
    missed_doses: list[MissedDoseView]
    appointments: list[AppointmentView]
    withheld: list[str]


DETAILS: Details = {"reasons": {"reason": ""}, "override-reasons": {"override_reason": ""}}


def view(care_plan: CarePlan) -> CarePlanView:
    """Return a care plan with its appointments as the API shows one."""
    access.touch(care_plan)
    shown = CarePlanView(
        id=care_plan.public_id,
        patient_id=care_plan.patient.public_id,
        plan_definition=care_plan.plan_definition.key,
        plan_version=care_plan.plan_definition.version,
        title=care_plan.plan_definition.title,
        status=care_plan.status.value,
        reason=care_plan.status_reason,
        override_reason=care_plan.override_reason,
        created_at=at(care_plan.created_at),
        status_at=at(care_plan.status_at),
        expires_at=at(care_plan.expires_at) if care_plan.expires_at else None,
        version=care_plan.row_version,
        missing_steps=[
            MissingStepView(
                id=gone.public_id,
                action=gone.action,
                title=gone.title,
                status=gone.status,
                blocks=blocked.public_id,
            )
            for gone, blocked in missing_steps(care_plan)
        ],
        missed_doses=[
            MissedDoseView(
                appointment_id=one.visit.public_id,
                late_by=one.late_by,
                unit=one.unit,
                advice=one.rule.advice,
                source=one.rule.source,
                plan_definition=one.rule.protocol,
            )
            for one in missed_doses.of_course(db.session(), care_plan)
        ],
        appointments=[appointment_view(visit) for visit in _in_order(care_plan)],
        withheld=[],
    )
    return withhold(shown, DETAILS)


def find(actor: Actor, care_plan_id: str) -> CarePlan:
    """Return the clinic's care plan. Raises NotFound."""
    care_plan = care_plans.by_public_id(db.session(), actor.clinic.id, care_plan_id)
    if care_plan is None:
        raise NotFound
    return care_plan


@call("POST", "/care-plans", may="book", body=NewCarePlan, gives=CarePlanView, status=201, refuses=(409,))
def book_care_plan(actor: Actor, body: NewCarePlan) -> Answer:
    """Book a whole course in one transaction, or nothing of it.

    409 `slot-taken` lists every conflict, 409 `proposal-expired` asks for a new proposal, 422 `rule-broken` lists the
    rules; soft ones can be overridden with `override_reason` by a role that may.
    """
    now, session = clock.now(), db.session()
    if body.token is not None:
        signed = proposals.unsign(session, actor, body.token, signing.keys(), now)
        wishes, visits, later = signed.wishes, signed.visits, signed.projections
    else:
        patient = patients.get(session, actor.clinic, body.patient_id or "")
        definition = plans.current(session, actor.clinic, body.plan_definition or "")
        wishes, visits = explicit_courses.placed(session, actor, patient, definition, body.appointments, now)
        later = ()
    care_plan = booking.book_course(
        session,
        actor,
        wishes,
        visits,
        later,
        now,
        override_reason=body.override_reason,
        reserve_minutes=body.reserve_minutes,
    )
    return _answer(care_plan)


@call("GET", "/care-plans/<care_plan_id>", may="view", gives=CarePlanView, versioned=True)
def get_care_plan(actor: Actor, care_plan_id: str) -> Answer:
    """Show a course with all its appointments. Reading it is noted in the audit trail."""
    care_plan = find(actor, care_plan_id)
    return _answer(care_plan)


@call(
    "POST",
    "/care-plans/<care_plan_id>/activation",
    may="book",
    body=ReasonBody,
    gives=CarePlanView,
    refuses=(409,),
    versioned=True,
)
def activate_care_plan(actor: Actor, body: ReasonBody, care_plan_id: str) -> Answer:
    """Book a reserved course for good."""
    del body  # nothing to say, and yet unknown fields are refused
    return _step(actor, care_plan_id, lambda one: careplans.activate(db.session(), actor, one, clock.now()))


@call(
    "POST",
    "/care-plans/<care_plan_id>/hold",
    may="cancel",
    body=ReasonBody,
    gives=CarePlanView,
    refuses=(409,),
    versioned=True,
)
def hold_care_plan(actor: Actor, body: ReasonBody, care_plan_id: str) -> Answer:
    """Pause a course: its time ahead is released."""
    return _step(
        actor, care_plan_id, lambda one: careplans.hold(db.session(), actor, one, clock.now(), body.reason)
    )


@call(
    "POST",
    "/care-plans/<care_plan_id>/resumption",
    may="book",
    body=Resumption,
    gives=CarePlanView,
    refuses=(409,),
    versioned=True,
)
def resume_care_plan(actor: Actor, body: Resumption, care_plan_id: str) -> Answer:
    """Plan the held visits again, as well as the calendar allows."""
    not_before: date | None = body.not_before

    def resume(one: CarePlan) -> CarePlan:
        return careplans.resume(db.session(), actor, one, clock.now(), body.reason, not_before)

    return _step(actor, care_plan_id, resume)


@call(
    "POST",
    "/care-plans/<care_plan_id>/revocation",
    may="cancel",
    body=Revocation,
    gives=CarePlanView,
    refuses=(409,),
    versioned=True,
)
def revoke_care_plan(actor: Actor, body: Revocation, care_plan_id: str) -> Answer:
    """Stop a course: every visit ahead is free at once, and the patient gets one mail."""

    def revoke(one: CarePlan) -> CarePlan:
        return careplans.revoke(db.session(), actor, one, clock.now(), body.reason, body.side)

    return _step(actor, care_plan_id, revoke)


@call(
    "POST",
    "/care-plans/<care_plan_id>/completion",
    may="cancel",
    body=ReasonBody,
    gives=CarePlanView,
    refuses=(409,),
    versioned=True,
)
def complete_care_plan(actor: Actor, body: ReasonBody, care_plan_id: str) -> Answer:
    """End a course that has run its length."""
    return _step(
        actor,
        care_plan_id,
        lambda one: careplans.complete(db.session(), actor, one, clock.now(), body.reason),
    )


def _step(actor: Actor, care_plan_id: str, step: Callable[[CarePlan], CarePlan]) -> Answer:
    care_plan = find(actor, care_plan_id)
    check_match(care_plan)
    return _answer(step(care_plan))


def _answer(care_plan: CarePlan) -> Answer:
    db.session().flush()
    address = f"/api/v1/care-plans/{care_plan.public_id}"
    return Answer(view(care_plan), care_plan.row_version, address)


def _in_order(care_plan: CarePlan) -> list[Any]:
    return sorted(appointments_of(care_plan), key=lambda visit: (visit.start_at, visit.id))
