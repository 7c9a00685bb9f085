"""Proposals: courses that fit, best first, each with a token that books it within a quarter of an hour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

from flask import current_app
from pydantic import Field

from scheduler import clock
from scheduler.api.fields import At, Body, ClockTime, Day, Id, Instant, On, View, at
from scheduler.api.operations import Answer, call
from scheduler.api.patients import Weekday
from scheduler.database import db
from scheduler.domain.planner.model import Done, Projection, Proposal
from scheduler.domain.planner.model import Visit as PlannedVisit
from scheduler.domain.plans import Plan
from scheduler.errors import Invalid
from scheduler.services import patients, places, plans, proposals, resources
from scheduler.services.actors import Actor
from scheduler.services.wishes import Wishes

Key = Annotated[str, Field(pattern="^[a-z0-9][a-z0-9-]{0,59}$")]


class Pin(Body):
    """An action and the start that it must have."""

    action: Key
    start: Instant


class WishBody(Body):
    """What a patient wishes. `done` are actions that are over: later gaps are counted from them."""

    patient_id: Id
    plan_definition: Key
    not_before: Day
    weekdays: list[Weekday] = Field(default=[], max_length=7)
    earliest: ClockTime | None = None
    latest: ClockTime | None = None
    preferred: ClockTime | None = None
    blocked_dates: list[Day] = Field(default=[], max_length=366)
    practitioner_ids: list[Id] = Field(default=[], max_length=50)
    pinned: list[Pin] = Field(default=[], max_length=100)
    done: list[Pin] = Field(default=[], max_length=100)
    count: Annotated[int, Field(ge=1, le=10)] = 3


class ProposedVisit(View):
    action: str
    kind: str
    title: str
    start: At
    end: At
    location_id: Id | None
    practitioner_ids: list[Id]
    tentative: bool


class ProjectedVisit(View):
    """A visit months ahead: about when it will be, and between which dates it is to be booked."""

    action: str
    kind: str
    title: str
    start: At
    earliest: On
    latest: On


class TermView(View):
    """A part of a proposal's cost, in words."""

    key: str
    cost: int
    words: str


class ProposalView(View):
    """`proven` says that nothing better exists under the same weights."""

    summary: str
    appointments: list[ProposedVisit]
    later: list[ProjectedVisit]
    terms: list[TermView]
    cost: int
    proven: bool
    token: str


class ProposalList(View):
    items: list[ProposalView]


@call("POST", "/proposals", may="book", body=WishBody, gives=ProposalList, refuses=(409,), reads=True)
def propose(actor: Actor, body: WishBody) -> Answer:
    """Propose whole courses on the live calendar, best first.

    409 `no-fit` says in `reasons` what blocks which action, and in `suggestions` what would make room.
    """
    now = clock.now()
    wishes = wishes_of(actor, body)
    found = proposals.propose(db.session(), actor, wishes, now)
    taken = (segment.resource_id for one in found for visit in one.visits for segment in visit.segments)
    ids = resources.public_ids(db.session(), actor.clinic.id, taken)
    items = []
    for proposal in found:
        token = proposals.sign(proposal, wishes, actor, signing_keys(), now)
        items.append(_view(proposal, wishes.plan_definition.plan, ids, token))
    return Answer(ProposalList(items=items))


def wishes_of(actor: Actor, body: WishBody) -> Wishes:
    """Return the wishes of a request. Raises NotFound for ids of another clinic, Invalid for unknown actions."""
    session = db.session()
    definition = plans.current(session, actor.clinic, body.plan_definition)
    return Wishes(
        patient=patients.get(session, actor.clinic, body.patient_id),
        plan_definition=definition,
        not_before=body.not_before,
        weekdays=frozenset(body.weekdays),
        earliest=body.earliest,
        latest=body.latest,
        blocked_on=frozenset(body.blocked_dates),
        practitioners=tuple(
            places.get_practitioner(session, actor.clinic, one) for one in body.practitioner_ids
        ),
        pinned={pin.action: pin.start for pin in body.pinned},
        done={pin.action: _done(definition.plan, pin) for pin in body.done},
        preferred=body.preferred,
        count=body.count,
    )


def signing_keys() -> Sequence[str]:
    """Return the key that signs tokens, then the former ones, which still verify."""
    return (current_app.config["SECRET_KEY"], *current_app.config["SECRET_KEY_FALLBACKS"])


def _done(plan: Plan, pin: Pin) -> Done:
    try:
        action = plan.action(pin.action)
    except KeyError:
        raise Invalid([(f"done.{pin.action}", "the plan has no such action")]) from None
    return Done(pin.action, pin.start, pin.start + action.attended_length)


def _view(proposal: Proposal, plan: Plan, ids: Mapping[int, str], token: str) -> ProposalView:
    return ProposalView(
        summary=proposal.summary,
        appointments=[_visit(visit, plan, ids) for visit in proposal.visits],
        later=[_projected(projection, plan) for projection in proposal.projections],
        terms=[TermView(key=term.key, cost=term.cost, words=term.words) for term in proposal.terms],
        cost=proposal.cost,
        proven=proposal.proven,
        token=token,
    )


def _visit(visit: PlannedVisit, plan: Plan, ids: Mapping[int, str]) -> ProposedVisit:
    action, place = plan.action(visit.action), visit.location_id
    return ProposedVisit(
        action=action.key,
        kind=action.kind,
        title=action.title,
        start=at(visit.start),
        end=at(visit.attended_end),
        location_id=ids[place] if place is not None else None,
        practitioner_ids=[ids[one] for one in visit.practitioner_ids],
        tentative=bool(action.gates),
    )


def _projected(projection: Projection, plan: Plan) -> ProjectedVisit:
    action = plan.action(projection.action)
    return ProjectedVisit(
        action=action.key,
        kind=action.kind,
        title=action.title,
        start=at(projection.start),
        earliest=projection.earliest_on.isoformat(),
        latest=projection.latest_on.isoformat(),
    )
