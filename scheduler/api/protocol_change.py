"""Another protocol for the rest of a course, previewed or done."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from scheduler import clock
from scheduler.api.care_plans import find
from scheduler.api.fields import At, Body, Id, OverrideReason, Reason, View, at
from scheduler.api.operations import Answer, call
from scheduler.api.proposals import Key
from scheduler.api.versions import check_match
from scheduler.database import db
from scheduler.http import access, signing
from scheduler.services.actors import Actor
from scheduler.services.clinic import plans
from scheduler.services.course import protocol_change
from scheduler.services.course.protocol_change import Placed, ProtocolChange
from scheduler.services.visit import move_tokens


class ProtocolBody(Body):
    """The protocol to go on with. `last` is its visit that counts as held last; without it what was held decides.

    With `preview` nothing is written; sending the preview's `token` makes sure that what is done is what was shown.
    """

    plan_definition: Key
    last: Annotated[str, Field(pattern="^[a-z0-9-]{0,60}$")] | None = None
    reason: Reason = ""
    override_reason: OverrideReason = ""
    preview: bool = False
    token: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.\-]{1,2000}$")] | None = None


class StepView(View):
    """A visit of the rest. `appointment_id` is the visit that it keeps, null for a new one."""

    action: str
    appointment_id: Id | None
    start: At
    moves: bool


class ProtocolChangeView(View):
    """What the change does: the visits ahead under the new protocol, and those that are canceled."""

    plan_definition: str
    plan_version: int
    last: str
    appointments: list[StepView]
    canceled_ids: list[Id]
    written: bool
    token: str


@call(
    "POST",
    "/care-plans/<care_plan_id>/protocol",
    may="move",
    body=ProtocolBody,
    gives=ProtocolChangeView,
    refuses=(409,),
    versioned=True,
)
def change_protocol(actor: Actor, body: ProtocolBody, care_plan_id: str) -> Answer:
    """Go on with another protocol, or preview it; the visits ahead are planned again around what was held.

    409 `stale-preview` when it would differ from `token`, 409 `no-fit`; 422 `rule-broken` where doses would be given
    again or a step would count that was not held, which a role with `override` passes with `override_reason`.
    """
    course, session, now = find(actor, care_plan_id), db.session(), clock.now()
    check_match(course)
    definition = plans.current(session, actor.clinic, body.plan_definition)
    planned = protocol_change.plan_change(
        session, actor, course, definition, now, body.last, body.override_reason
    )
    if body.token is not None:
        move_tokens.check_shown(body.token, planned.shown, actor, signing.keys(), now)
    shown = _view(planned, actor, written=not body.preview)
    if not body.preview:
        protocol_change.apply_change(session, actor, planned, body.reason, now, body.override_reason)
        session.flush()
    return Answer(shown, course.row_version)


def _view(planned: ProtocolChange, actor: Actor, *, written: bool) -> ProtocolChangeView:
    access.touch(planned.care_plan)
    return ProtocolChangeView(
        plan_definition=planned.definition.key,
        plan_version=planned.definition.version,
        last=planned.last,
        appointments=[_step(one) for one in planned.placed],
        canceled_ids=[one.public_id for one in planned.off],
        written=written,
        token=move_tokens.sign_shown(planned.shown, actor, signing.keys(), clock.now()),
    )


def _step(one: Placed) -> StepView:
    return StepView(
        action=one.action.key,
        appointment_id=one.row.public_id if one.row else None,
        start=at(one.visit.start),
        moves=one.moves,
    )
