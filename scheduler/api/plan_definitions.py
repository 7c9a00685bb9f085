"""Plan definitions: the protocols that courses are booked by, and new versions of them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from scheduler import clock
from scheduler.api.fields import Body, Id, ReadOnly, View
from scheduler.api.operations import Answer, call
from scheduler.api.versions import check_number
from scheduler.database import db
from scheduler.domain.plan_files import PlanRefused, to_document
from scheduler.domain.plans import Plan
from scheduler.errors import Invalid, NotFound
from scheduler.models import plan_definition as definitions
from scheduler.models.plan_definition import PlanDefinition
from scheduler.services.actors import Actor
from scheduler.services.clinic import plans

Part = Annotated[list[dict[str, Any]], Field(max_length=200)]


class PlanDefinitionView(View):
    """A protocol in its newest version. `actions` have phases and offsets as in the plan file, written out."""

    id: ReadOnly[Id]
    key: ReadOnly[str]
    version: ReadOnly[int]
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


class PlanDefinitionBody(Body, view=PlanDefinitionView):
    """A whole protocol, written out or in the short form of plan files (docs/plan-definitions.md)."""

    title: str
    description: str = ""
    source: str
    requirements: Part = Field(default=[])
    visits: Part = Field(default=[])
    actions: Part
    preparations: Part = Field(default=[])
    missed_doses: Part = Field(default=[])


class PlanDifferenceView(View):
    """What differs, for people: `where` (visits, a requirement), `what` about it, `before` and `after`."""

    where: str
    what: str
    before: str
    after: str


class PlanCheck(View):
    """What saving would do: the number of the next version and what it changes; none is null, as is a new protocol."""

    version: int | None
    changes: list[PlanDifferenceView]


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


@call("GET", "/plan-definitions/<plan_definition>", may="view", gives=PlanDefinitionView, versioned=True)
def get_plan_definition(actor: Actor, plan_definition: str) -> Answer:
    """Show the newest version of a protocol, by its key."""
    found = definitions.current(db.session(), actor.clinic.id, plan_definition)
    if found is None:
        raise NotFound
    return Answer(view(found), found.version)


@call(
    "PUT",
    "/plan-definitions/<plan_definition>",
    may="settings",
    body=PlanDefinitionBody,
    gives=PlanDefinitionView,
    versioned=True,
)
def save_plan_definition(actor: Actor, body: PlanDefinitionBody, plan_definition: str) -> Answer:
    """Save a protocol under this key: a changed one as its next version, a key that is new as a protocol.

    Courses keep their version. Equal values save nothing. With another key, what GET answers makes a variant.
    """
    session, plan = db.session(), _checked(plan_definition, body)
    present = definitions.current(session, actor.clinic.id, plan.key)
    check_number(present.version if present else 0)
    saved, _ = plans.load(session, actor, plan, clock.now())
    return Answer(view(saved), saved.version)


@call(
    "POST",
    "/plan-definitions/<plan_definition>/check",
    may="settings",
    body=PlanDefinitionBody,
    gives=PlanCheck,
    reads=True,
)
def check_plan_definition(actor: Actor, body: PlanDefinitionBody, plan_definition: str) -> Answer:
    """Check a protocol as `flask plans check` does, and say what it would change. Nothing is written."""
    session, plan = db.session(), _checked(plan_definition, body)
    changes = plans.changes(session, actor.clinic, plan)
    is_new = definitions.current(session, actor.clinic.id, plan.key) is None
    version = plans.next_version(session, actor.clinic, plan.key) if changes or is_new else None
    shown = [
        PlanDifferenceView(where=one.where, what=one.what, before=one.before, after=one.after)
        for one in changes
    ]
    return Answer(PlanCheck(version=version, changes=shown))


def _checked(key: str, body: PlanDefinitionBody) -> Plan:
    """Return the plan of a body. Raises Invalid with the faults that a file would have."""
    given = body.model_dump()
    document = {"key": key} | {name: value for name, value in given.items() if value not in ("", [])}
    try:
        return plans.checked(document)
    except PlanRefused as refused:
        raise Invalid(
            [(".".join(map(str, one.path)) or "body", _said(one.reason)) for one in refused.faults]
        ) from None


def _said(reason: str) -> str:
    return "is not a known field" if reason.startswith("is not a known name") else reason
