"""Free starts: when one visit of a kind could be."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from pydantic import Field

from scheduler import clock
from scheduler.api.fields import At, Id, Instant, Query, View, at
from scheduler.api.operations import Answer, call
from scheduler.api.proposals import Key
from scheduler.database import db
from scheduler.domain import planner
from scheduler.domain.localtime import local_on
from scheduler.domain.planner.values import Request
from scheduler.domain.plans import Action
from scheduler.errors import Invalid, NotFound
from scheduler.models import plan_definition as definitions
from scheduler.services.actors import Actor
from scheduler.services.patient import patients
from scheduler.services.planning import availability
from scheduler.services.planning.placing import alone

LONGEST = timedelta(days=31)


class AvailabilityQuery(Query):
    """`action` of `plan_definition`, or the first action of this `kind` in any protocol."""

    start: Annotated[Instant, Field(alias="from")]
    end: Annotated[Instant, Field(alias="to")]
    kind: Key | None = None
    plan_definition: Key | None = None
    action: Key | None = None
    patient_id: Id | None = None


class FreeStarts(View):
    action: str
    kind: str
    minutes: int
    starts: list[At]


@call("GET", "/availability", may="view", query=AvailabilityQuery, gives=FreeStarts)
def list_free_starts(actor: Actor, query: AvailabilityQuery) -> Answer:
    """List the starts between `from` and `to` (at most 31 days) at which such a visit fits, in order."""
    if not query.start < query.end <= query.start + LONGEST:
        raise Invalid([("to", "must be after from, by at most 31 days")])
    action = _action(actor, query)
    return Answer(
        FreeStarts(
            action=action.key,
            kind=action.kind,
            minutes=action.attended_length // timedelta(minutes=1),
            starts=[at(start) for start in _starts(actor, query, action)],
        )
    )


def _starts(actor: Actor, query: AvailabilityQuery, action: Action) -> list[datetime]:
    session, clinic, now = db.session(), actor.clinic, clock.now()
    patient = patients.get(session, clinic, query.patient_id) if query.patient_id else None
    first = max(local_on(query.start, clinic.zone), local_on(now, clinic.zone))
    last = local_on(now, clinic.zone) + timedelta(days=clinic.settings.planning_horizon_days)
    days = (min(local_on(query.end, clinic.zone), last) - first).days + 1
    if days < 1:
        return []
    calendar = availability.load(session, clinic, first, days, now, patient)
    request = Request(plan=alone(action), not_before=first, count=1)
    starts = planner.slot_map(request, calendar, now=now)[action.key]
    return [start for start in starts if query.start <= start < query.end]


def _action(actor: Actor, query: AvailabilityQuery) -> Action:
    by_action = query.plan_definition is not None and query.action is not None
    if by_action == (query.kind is not None):
        raise Invalid([("kind", "give either kind, or plan_definition and action")])
    for definition in definitions.all_current(db.session(), actor.clinic.id):
        if query.plan_definition not in (None, definition.key):
            continue
        for action in definition.plan.actions:
            if action.key == query.action or action.kind == query.kind:
                return action
    raise NotFound("No protocol has this visit")
