"""Plan definitions: the protocols that courses are booked by."""

from __future__ import annotations

from typing import Any

from scheduler.api.fields import Id, View
from scheduler.api.operations import Answer, call
from scheduler.database import db
from scheduler.domain.plan_files import to_document
from scheduler.errors import NotFound
from scheduler.models import plan_definition as definitions
from scheduler.models.plan_definition import PlanDefinition
from scheduler.services.actors import Actor


class PlanDefinitionView(View):
    """A protocol in its newest version. `actions` have phases and offsets as in the plan file, written out."""

    id: Id
    key: str
    version: int
    title: str
    description: str
    source: str
    actions: list[dict[str, Any]]
    requirements: list[dict[str, Any]]
    preparations: list[dict[str, Any]]
    missed_doses: list[dict[str, Any]]


class PlanDefinitionList(View):
    items: list[PlanDefinitionView]
    next_cursor: str | None = None


def view(definition: PlanDefinition) -> PlanDefinitionView:
    """Return a plan definition as the API shows one."""
    document = to_document(definition.plan)
    return PlanDefinitionView(
        id=definition.public_id,
        key=definition.key,
        version=definition.version,
        title=definition.title,
        description=document.get("description", ""),
        source=document.get("source", ""),
        actions=document["actions"],
        requirements=document.get("requirements", []),
        preparations=document.get("preparations", []),
        missed_doses=document.get("missed_doses", []),
    )


@call("GET", "/plan-definitions", may="view", gives=PlanDefinitionList)
def list_plan_definitions(actor: Actor) -> Answer:
    """List the newest version of every protocol, by title."""
    found = definitions.all_current(db.session(), actor.clinic.id)
    return Answer(PlanDefinitionList(items=[view(definition) for definition in found]))


@call("GET", "/plan-definitions/<plan_definition>", may="view", gives=PlanDefinitionView)
def get_plan_definition(actor: Actor, plan_definition: str) -> Answer:
    """Show the newest version of a protocol, by its key."""
    found = definitions.current(db.session(), actor.clinic.id, plan_definition)
    if found is None:
        raise NotFound
    return Answer(view(found))
