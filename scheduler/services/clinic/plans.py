"""Plan definitions of a clinic: read from files, kept as versions.

A version is for life, because courses pin theirs. Loading what the newest version says already adds nothing; a retired
protocol comes back as a new version.
"""

from __future__ import annotations

import json
from datetime import datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from scheduler.domain.plan_files import Fault, PlanRefused, checked_plan, to_document, variants, where
from scheduler.domain.plan_files.differences import PlanDifference, differences
from scheduler.domain.plan_files.variants import Edits
from scheduler.domain.plans import Plan
from scheduler.errors import Invalid, NotFound, Stale
from scheduler.models import plan_definition as definitions
from scheduler.models.clinic import Clinic
from scheduler.models.plan_definition import PlanDefinition
from scheduler.services.actors import Actor
from scheduler.services.clinic.schema_faults import schema_faults
from scheduler.services.clinic.yaml_source import FileRefused, read_schema, read_yaml
from scheduler.services.trail import audit

SHIPPED = Path(__file__).parents[2] / "protocols"
SCHEMA = read_schema(SHIPPED / "plan-definition.schema.json")
MOST_IN_SERIES = 60


def read(content: bytes) -> Plan:
    """Return the plan that a YAML file describes. Raises FileRefused with the line and the reason of every fault."""
    source = read_yaml(content, SCHEMA)
    try:
        return checked_plan(source.document)
    except PlanRefused as refused:
        raise FileRefused(source.placed(refused.faults)) from None


def edited(plan: Plan, edits: Edits, key: str = "") -> Plan:
    """Return a plan with these edits, under its own key or another, checked like a file.

    Raises Invalid; a fault of a visit begins with the visit's key: "infusion-2.after.days".
    """
    wrong = [name for name, count in edits.counted.items() if not 1 <= count <= MOST_IN_SERIES]
    if wrong:
        raise Invalid([(name, f"must be 1 to {MOST_IN_SERIES} visits") for name in wrong])
    document = variants.edited(plan, edits, key=key)
    try:
        return checked(document)
    except PlanRefused as refused:
        raise Invalid([(_field(document, fault), fault.reason) for fault in refused.faults]) from None


def checked(document: dict[str, Any]) -> Plan:
    """Return the plan that a document describes. Raises PlanRefused with the faults that a file would have."""
    if faults := schema_faults(document, SCHEMA):
        raise PlanRefused(tuple(faults))
    return checked_plan(document)


def save(
    session: Session, actor: Actor, definition: PlanDefinition, plan: Plan, now: datetime
) -> tuple[PlanDefinition, bool]:
    """Load what was made of this version of a protocol. Raises Stale when a newer version came meanwhile."""
    newest = _newest(session, actor.clinic, definition.key)
    if newest is not None and newest.id != definition.id:
        raise Stale(
            f"Version {newest.version} of {newest.title} was saved meanwhile. Make your changes there"
        )
    return load(session, actor, plan, now)


def add(session: Session, actor: Actor, plan: Plan, now: datetime) -> PlanDefinition:
    """Add a protocol beside the others. Raises Invalid for a key that one of them has."""
    if _newest(session, actor.clinic, plan.key) is not None:
        raise Invalid([("key", "is the key of another protocol")])
    return load(session, actor, plan, now)[0]


def changes(session: Session, clinic: Clinic, plan: Plan) -> list[PlanDifference]:
    """Return what a plan changes in the clinic's newest version of it; nothing where it is new."""
    newest = _newest(session, clinic, plan.key)
    return differences(newest.plan, plan) if newest else []


def next_version(session: Session, clinic: Clinic, key: str) -> int:
    """Return the number that the next version of a protocol gets."""
    newest = _newest(session, clinic, key)
    return newest.version + 1 if newest else 1


@cache
def shipped() -> tuple[Plan, ...]:
    """Return the plans that come with the program, by key. Their files are read once in a process."""
    return tuple(read(path.read_bytes()) for path in sorted(SHIPPED.glob("*.yaml")))


def load(session: Session, actor: Actor, plan: Plan, now: datetime) -> tuple[PlanDefinition, bool]:
    """Return the clinic's newest version of the plan, and whether it had to be added."""
    newest = _newest(session, actor.clinic, plan.key)
    document = to_document(plan)
    digest = _digest(document)
    if newest is not None and newest.digest == digest and newest.retired_at is None:
        return newest, False
    definition = PlanDefinition(
        clinic_id=actor.clinic.id,
        key=plan.key,
        version=newest.version + 1 if newest else 1,
        title=plan.title,
        document=document,
        digest=digest,
        created_at=now,
    )
    session.add(definition)
    session.flush()
    before = newest.document if newest else {}
    parts = sorted(name for name in {**before, **document} if before.get(name) != document.get(name))
    audit.record(session, actor, "plan-definition.loaded", definition, now, parts)
    return definition, True


def current(session: Session, clinic: Clinic, key: str) -> PlanDefinition:
    """Return the newest version of a protocol. Raises NotFound for one that is unknown or retired."""
    definition = definitions.current(session, clinic.id, key)
    if definition is None:
        raise NotFound(f"There is no plan {key}")
    return definition


def _newest(session: Session, clinic: Clinic, key: str) -> PlanDefinition | None:
    query = select(PlanDefinition).where(PlanDefinition.clinic_id == clinic.id, PlanDefinition.key == key)
    return session.scalar(query.order_by(PlanDefinition.version.desc()).limit(1))


def _field(document: dict[str, Any], fault: Fault) -> str:
    """Return a fault's place, that of a visit by its key, which stays when visits are added before it."""
    match fault.path:
        case ("actions", int(index), *rest) if "key" in document["actions"][index]:
            return where((document["actions"][index]["key"], *rest))
        case ("requirements", int(index), *rest):
            return where((f"requirement {document['requirements'][index]['key']}", *rest))
    return fault.where


def _digest(document: dict[str, Any]) -> str:
    text = json.dumps(document, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return sha256(text.encode()).hexdigest()
