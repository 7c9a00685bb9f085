"""Closures: holidays, leave, a broken chair. Closing answers with the visits that it touches."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from sqlalchemy import select

from scheduler import clock
from scheduler.api.appointment_views import AppointmentView
from scheduler.api.appointment_views import view as appointment_view
from scheduler.api.fields import At, Body, Id, Instant, TextLine, View, at
from scheduler.api.operations import Answer, call
from scheduler.api.paging import Paged, page
from scheduler.api.resources import Scope, naming, resource_of
from scheduler.database import db
from scheduler.models.schedule import Closure, ClosureKind
from scheduler.services.account.permissions import require
from scheduler.services.actors import Actor
from scheduler.services.clinic import displaced, schedules
from scheduler.services.replan import replans


class NewClosure(Body):
    """`scope_id` is the site, location or practitioner. `on_conflict` `list` closes and lists what is affected.

    `replan` looks for new times for it too, and names the re-plan.
    """

    scope: Scope = "clinic"
    scope_id: Id | None = None
    kind: Literal["closure", "holiday", "leave"] = "closure"
    start: Instant
    end: Instant
    reason: Annotated[str, TextLine(200)] = ""
    on_conflict: Literal["list", "replan"] = "list"


class ClosureView(View):
    id: Id
    scope: Scope
    scope_id: Id | None
    kind: Literal["closure", "holiday", "leave"]
    start: At
    end: At
    reason: str


class ClosureWithConflicts(ClosureView):
    """A closure and the visits that it touches, in order of time; the `replan_id` of what was asked for with it."""

    affected: list[AppointmentView]
    replan_id: Id | None = None


class DisplacedView(View):
    """A visit ahead, with the names of what is not available at its time: the clinic, sites, places and people."""

    appointment: AppointmentView
    unavailable: list[str]


class DisplacedList(View):
    items: list[DisplacedView]


class ClosurePage(View):
    items: list[ClosureView]
    next_cursor: str | None


class ClosureQuery(Paged):
    start: Annotated[Instant | None, Field(alias="from")] = None
    end: Annotated[Instant | None, Field(alias="to")] = None


@call("POST", "/closures", may="close", body=NewClosure, gives=ClosureWithConflicts, status=201)
def create_closure(actor: Actor, body: NewClosure) -> Answer:
    """Close the clinic, a site, a location or a practitioner; nothing is moved, what is affected is listed."""
    closure, affected = schedules.close(
        db.session(),
        actor,
        body.start,
        body.end,
        clock.now(),
        resource=resource_of(actor, body.scope, body.scope_id),
        kind=ClosureKind(body.kind),
        reason=body.reason,
    )
    visits = [appointment_view(visit) for visit in affected]
    shown = ClosureWithConflicts(**_view(actor, closure).model_dump(), affected=visits)
    if body.on_conflict == "replan":
        require(actor, replans.MAY)
        scope = replans.of_closure(closure)
        replan = replans.ask(db.session(), actor, clock.now(), scope, closure, closes=True)
        shown = shown.model_copy(update={"replan_id": replan.public_id})
    return Answer(shown, location=f"/api/v1/closures/{closure.public_id}")


@call("GET", "/closures", may="view", query=ClosureQuery, gives=ClosurePage)
def list_closures(actor: Actor, query: ClosureQuery) -> Answer:
    """List closures that reach into the time asked for, in order of start."""
    rows = select(Closure).where(Closure.clinic_id == actor.clinic.id)
    if query.start is not None:
        rows = rows.where(Closure.end_at > query.start)
    if query.end is not None:
        rows = rows.where(Closure.start_at < query.end)
    order = (Closure.start_at, Closure.public_id)
    found, cursor = page(db.session(), rows, query, order, lambda row: (row.start_at, row.public_id))
    return Answer(ClosurePage(items=[_view(actor, row) for row in found], next_cursor=cursor))


@call("GET", "/closures/<closure_id>", may="view", gives=ClosureWithConflicts)
def get_closure(actor: Actor, closure_id: str) -> Answer:
    """Show a closure with the visits that it touches now."""
    closure = schedules.get_closure(db.session(), actor.clinic, closure_id)
    touched = schedules.affected(db.session(), actor.clinic, closure)
    visits = [appointment_view(visit) for visit in touched]
    return Answer(ClosureWithConflicts(**_view(actor, closure).model_dump(), affected=visits))


@call("GET", "/displaced", may="view", gives=DisplacedList)
def list_displaced(actor: Actor) -> Answer:
    """List the visits ahead whose clinic, site, location or practitioner is not available, in order of start.

    Their reminders wait until they are moved, or until the clinic, location or person is available again.
    """
    found = displaced.ahead(db.session(), actor.clinic, clock.now())
    items = [
        DisplacedView(appointment=appointment_view(one.visit), unavailable=list(one.unavailable))
        for one in found
    ]
    return Answer(DisplacedList(items=items))


@call("DELETE", "/closures/<closure_id>", may="close", status=204)
def delete_closure(actor: Actor, closure_id: str) -> Answer:
    """Take a closure back."""
    closure = schedules.get_closure(db.session(), actor.clinic, closure_id)
    schedules.reopen(db.session(), actor, closure, clock.now())
    return Answer(None)


def _view(actor: Actor, closure: Closure) -> ClosureView:
    scope, scope_id = naming(actor, closure.resource_id)
    return ClosureView(
        id=closure.public_id,
        scope=scope,
        scope_id=scope_id,
        kind=closure.kind.value,
        start=at(closure.start_at),
        end=at(closure.end_at),
        reason=closure.reason,
    )
