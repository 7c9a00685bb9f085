"""PlanDefinition: a protocol version, its visits as actions, the gaps between them as relatedAction.

A gap is the range from its shortest to its longest. Working days have no UCUM unit, so they are named in words only.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, and_, func, not_
from sqlalchemy.orm import Session

from scheduler.domain.plans import Action, Offset, Plan, Unit
from scheduler.errors import NotFound
from scheduler.fhir import values
from scheduler.fhir.elements import UCUM, Element, base_url, filled, minutes, own_code
from scheduler.fhir.searches import SearchableTable, SearchPage, SearchRequest
from scheduler.models import plan_definition as plan_definitions
from scheduler.models.plan_definition import PlanDefinition
from scheduler.services.actors import Actor

PARAMETERS = {"name": "string", "title": "string", "status": "token", "version": "token"}
UNITS: dict[Unit, Element] = {
    Unit.HOURS: {"unit": "h", "system": UCUM, "code": "h"},
    Unit.DAYS: {"unit": "d", "system": UCUM, "code": "d"},
    Unit.WORKING_DAYS: {"unit": "working days"},
}


class PublicationStatus(StrEnum):
    DRAFT = "draft"
    ACTIVE = "active"
    RETIRED = "retired"
    UNKNOWN = "unknown"


def read(session: Session, actor: Actor, public_id: str, now: datetime) -> Element:
    del now
    definition = plan_definitions.by_public_id(session, actor.clinic.id, public_id)
    if definition is None:
        raise NotFound
    return view(definition)


def search(session: Session, actor: Actor, asked: SearchRequest, now: datetime) -> SearchPage:
    del now
    return ROWS.search(session, actor, asked)


def view(definition: PlanDefinition) -> Element:
    plan = definition.plan
    return {
        "resourceType": "PlanDefinition",
        "id": definition.public_id,
        **filled(
            url=f"{base_url()}/PlanDefinition/{definition.public_id}",
            version=str(definition.version),
            name=_computable(definition.key),
            title=definition.title,
            status="active" if definition.retired_at is None else "retired",
            description=plan.description,
            copyright=plan.source,
            action=[_action(plan, action) for action in plan.actions],
        ),
    }


def _computable(key: str) -> str:
    """Return the key as FHIR wants a name: a capital letter, then letters, digits and low lines."""
    name = "".join(word.title() for word in key.replace("_", "-").split("-"))
    return name if name[:1].isalpha() else f"Plan{name}"


def _action(plan: Plan, action: Action) -> Element:
    return filled(
        id=action.key,
        title=action.title,
        textEquivalent="; ".join(plan.requirement(key).title for key in action.requirements),
        code=[own_code("visit-kind", action.kind, action.kind)],
        relatedAction=[_related(action.offset)] if action.offset else [],
        timingDuration=minutes(int(action.length.total_seconds()) // 60),
    )


def _related(offset: Offset) -> Element:
    unit = UNITS[offset.unit]
    return {
        "actionId": offset.after,
        "relationship": f"after-{offset.edge.value}",
        "offsetRange": {"low": {"value": offset.min, **unit}, "high": {"value": offset.max, **unit}},
    }


def _narrow(actor: Actor, name: str, value: str) -> ColumnElement[bool]:
    del actor
    if name == "version":
        return PlanDefinition.version.in_([int(one[:9]) for one in value.split(",") if _is_number(one)])
    if name == "status":
        wanted = values.codes(name, value, PublicationStatus)
        active = PlanDefinition.retired_at.is_(None)
        none = PlanDefinition.id.is_(None)
        first = active if PublicationStatus.ACTIVE in wanted else none
        return first | (not_(active) if PublicationStatus.RETIRED in wanted else none)
    column = PlanDefinition.key if name == "name" else PlanDefinition.title
    return and_(*(func.lower(column).contains(word, autoescape=True) for word in value.lower().split()))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


ROWS = SearchableTable(PlanDefinition, (PlanDefinition.public_id,), _narrow, view)
