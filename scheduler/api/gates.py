"""Gates of a course: consent, clearance, a driver ... `name` is the gate's key in the plan."""

from __future__ import annotations

from typing import Annotated

from scheduler import clock
from scheduler.api.care_plans import find
from scheduler.api.fields import At, Body, Day, Id, On, Query, TextLine, View, at
from scheduler.api.operations import Answer, call
from scheduler.api.withheld import Details, withhold
from scheduler.database import db
from scheduler.errors import NotFound
from scheduler.http import access
from scheduler.models.appointment import Appointment, appointments_of
from scheduler.models.appointment import by_public_id as visit_by_public_id
from scheduler.models.care_plan import CarePlan
from scheduler.models.gate import Requirement
from scheduler.models.user import User
from scheduler.services.actors import Actor
from scheduler.services.visit import gates


class GateBody(Body):
    """`closed` settles the gate or opens it again. `appointment_id` is needed where it holds for one visit only.

    `document` says where the paper is. `valid_until` may not be later than the protocol's `valid_days` from today, nor
    before today. `waived` passes it without, which needs the permission `override` and a note of at least 10 characters
    that are not only punctuation. Where the protocol names roles (`completed_by`), only they do any of this.
    """

    closed: bool
    appointment_id: Id | None = None
    document: Annotated[str, TextLine(300)] = ""
    valid_until: Day | None = None
    note: Annotated[str, TextLine(1000, lines=True)] = ""
    waived: bool = False


class GateView(View):
    """A gate of the course, or of one visit. `closed_at` is when it was settled, `valid_until` its last day.

    `completed_by` are the roles that may settle, waive or override it; empty: every role that has the permission.
    `withheld` names the fields that are empty because the caller's role does not see them.
    """

    name: str
    title: str
    appointment_id: Id | None
    closed_at: At | None
    closed_by: str | None
    valid_until: On | None
    document: str
    note: str
    waived: bool
    completed_by: list[str]
    withheld: list[str]


DETAILS: Details = {"gate-notes": {"document": "", "note": ""}}


class GateList(View):
    items: list[GateView]
    next_cursor: str | None = None


class GateQuery(Query):
    appointment_id: Id | None = None


@call("GET", "/care-plans/<care_plan_id>/gates", may="view", gives=GateList)
def list_gates(actor: Actor, care_plan_id: str) -> Answer:
    """List the gates of a course, settled or not."""
    care_plan = find(actor, care_plan_id)
    return Answer(GateList(items=[_view(care_plan, gate) for gate in care_plan.gates]))


@call("GET", "/care-plans/<care_plan_id>/gates/<name>", may="view", query=GateQuery, gives=GateView)
def get_gate(actor: Actor, query: GateQuery, care_plan_id: str, name: str) -> Answer:
    """Show one gate; `appointment_id` says which where each visit has its own."""
    care_plan = find(actor, care_plan_id)
    visit = _visit(care_plan, query.appointment_id)
    own = visit.id if visit else None
    for gate in care_plan.gates:
        if gate.key == name and gate.appointment_id == own:
            return Answer(_view(care_plan, gate))
    raise NotFound


@call("PUT", "/care-plans/<care_plan_id>/gates/<name>", may="gates", body=GateBody, gives=GateView)
def put_gate(actor: Actor, body: GateBody, care_plan_id: str, name: str) -> Answer:
    """Settle a gate, or open it again. Closing the last one of a visit books it.

    403 `forbidden` with `completed_by` when the protocol leaves it to other roles.
    """
    care_plan, now = find(actor, care_plan_id), clock.now()
    visit = _visit(care_plan, body.appointment_id)
    if not body.closed:
        return Answer(_view(care_plan, gates.reopen(db.session(), actor, care_plan, name, now, visit)))
    gate = gates.close(
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
    )
    return Answer(_view(care_plan, gate))


def _visit(care_plan: CarePlan, appointment_id: str | None) -> Appointment | None:
    if appointment_id is None:
        return None
    visit = visit_by_public_id(db.session(), care_plan.clinic_id, appointment_id)
    if visit is None or visit.care_plan_id != care_plan.id:
        raise NotFound
    return visit


def _view(care_plan: CarePlan, gate: Requirement) -> GateView:
    access.touch(care_plan)
    visits = {visit.id: visit for visit in appointments_of(care_plan)}
    own = visits.get(gate.appointment_id) if gate.appointment_id else None
    shown = GateView(
        name=gate.key,
        title=care_plan.plan_definition.plan.gate(gate.key).title,
        appointment_id=own.public_id if own else None,
        closed_at=at(gate.closed_at) if gate.closed_at else None,
        closed_by=_closer(gate),
        valid_until=gate.valid_until_on.isoformat() if gate.valid_until_on else None,
        document=gate.document,
        note=gate.note,
        waived=gate.waived,
        completed_by=list(care_plan.plan_definition.plan.gate(gate.key).completed_by),
        withheld=[],
    )
    return withhold(shown, DETAILS)


def _closer(gate: Requirement) -> str | None:
    user = db.session().get(User, gate.closed_by_id) if gate.closed_by_id else None
    return user.email if user else None
