"""Plan definitions of a clinic: read from files, kept as versions.

A version is for life, because courses pin theirs. Loading what the newest version says already adds nothing; a retired
protocol comes back as a new version.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from scheduler.domain.plan_files import PlanRefused, checked_plan, to_document
from scheduler.domain.plan_files.variants import variant
from scheduler.domain.plans import Plan
from scheduler.errors import Invalid, NotFound
from scheduler.models import plan_definition as definitions
from scheduler.models.clinic import Clinic
from scheduler.models.plan_definition import PlanDefinition
from scheduler.services.actors import Actor
from scheduler.services.clinic.schema_faults import schema_faults
from scheduler.services.clinic.yaml_source import FileRefused, read_schema, read_yaml
from scheduler.services.trail import audit

SHIPPED = Path(__file__).parents[2] / "protocols"
SCHEMA = read_schema(SHIPPED / "plan-definition.schema.json")


def read(content: bytes) -> Plan:
    """Return the plan that a YAML file describes. Raises FileRefused with the line and the reason of every fault."""
    source = read_yaml(content, SCHEMA)
    try:
        return checked_plan(source.document)
    except PlanRefused as refused:
        raise FileRefused(source.placed(refused.faults)) from None


def make_variant(
    session: Session,
    actor: Actor,
    plan: Plan,
    key: str,
    title: str,
    now: datetime,
    *,
    counted: Mapping[str, int],
    minutes: Mapping[tuple[str, str], int],
    spaced: Mapping[str, tuple[int, int, int]],
) -> PlanDefinition:
    """Add a protocol that differs from another in counts, lengths and spacing, as its first version.

    Raises Invalid for a key that another protocol has, and with what is wrong with the protocol that it would be.
    """
    if _newest(session, actor.clinic, key) is not None:
        raise Invalid([("key", "is the key of another protocol")])
    document = variant(plan, key=key, title=title, counted=counted, minutes=minutes, spaced=spaced)
    if faults := schema_faults(document, SCHEMA):
        raise Invalid([(fault.where, fault.reason) for fault in faults])
    try:
        made = checked_plan(document)
    except PlanRefused as refused:
        raise Invalid([(fault.where, fault.reason) for fault in refused.faults]) from None
    return load(session, actor, made, now)[0]


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
    audit.record(session, actor, "plan-definition.loaded", definition, now)
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


def _digest(document: dict[str, Any]) -> str:
    text = json.dumps(document, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return sha256(text.encode()).hexdigest()
