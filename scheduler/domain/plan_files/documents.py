"""Plan definitions as documents, both ways.

A document is what a plan file says (scheduler/protocols/plan-definition.schema.json). Reading accepts the
short form and the plain one; writing gives the plain one, with every series written out, which is what the
database keeps. Order matters only in lists, because the database may reorder the names of a mapping.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from scheduler.domain.plan_files.dosing import with_dosing_gaps
from scheduler.domain.plan_files.fault import Fault
from scheduler.domain.plan_files.order import in_plan_order
from scheduler.domain.plan_files.rules import plan_faults
from scheduler.domain.plan_files.series import Fields, expand
from scheduler.domain.plan_files.texts import preparation_document, preparations_of
from scheduler.domain.plans import (
    Action,
    Edge,
    Holds,
    MissedDose,
    Need,
    Offset,
    Phase,
    Plan,
    RequirementDefinition,
    Role,
    Unit,
)

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


class PlanRefused(ValueError):
    """The document breaks rules of plans: `faults` lists them all."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        self.faults = faults
        super().__init__("; ".join(f"{fault.where}: {fault.reason}" for fault in faults))


def checked_plan(document: Fields, version: int = 1) -> Plan:
    """Return the plan that a document describes. The document keeps the JSON Schema.

    Raises PlanRefused with everything that is wrong with it.
    """
    if faults := plan_faults(document):
        raise PlanRefused(faults)
    return from_document(document, version)


def from_document(document: Fields, version: int = 1) -> Plan:
    """Return the plan of a document that was checked before, even if the rules have changed since."""
    steps = in_plan_order(expand(document))
    return Plan(
        key=document["key"],
        version=version,
        title=document["title"],
        description=document.get("description", ""),
        source=document["source"],
        actions=with_dosing_gaps(
            [(_action(step.action), step.action.get("dosing", False)) for step in steps]
        ),
        requirements=tuple(_requirement(requirement) for requirement in document.get("requirements", ())),
        preparations=preparations_of(document),
        missed_doses=tuple(_missed_dose(entry) for entry in document.get("missed_doses", ())),
    )


def to_document(plan: Plan) -> dict[str, Any]:
    """Return the plain form of a plan, without its version. Defaults are left out."""
    document: dict[str, Any] = {"key": plan.key, "title": plan.title}
    if plan.description:
        document["description"] = plan.description
    document["source"] = plan.source
    document["requirements"] = [_requirement_document(requirement) for requirement in plan.requirements]
    document["actions"] = [_action_document(action) for action in plan.actions]
    document["preparations"] = [preparation_document(preparation) for preparation in plan.preparations]
    if plan.missed_doses:
        document["missed_doses"] = [_missed_dose_document(entry) for entry in plan.missed_doses]
    return document


def _missed_dose(fields: Fields) -> MissedDose:
    first, last = fields.get("positions", (1, None))
    return MissedDose(
        series=fields["series"],
        advice=fields["advice"],
        source=fields["source"],
        first=first,
        last=last,
        late_by=fields.get("late_by", 1),
        protocol=fields.get("protocol", ""),
    )


def _missed_dose_document(entry: MissedDose) -> dict[str, Any]:
    document: dict[str, Any] = {"series": entry.series, "advice": entry.advice, "source": entry.source}
    if entry.last is not None:
        document["positions"] = [entry.first, entry.last]
    if entry.late_by != 1:
        document["late_by"] = entry.late_by
    return document | _given(protocol=entry.protocol)


def _action(fields: Fields) -> Action:
    number = fields.get("number", {})
    return Action(
        key=fields["key"],
        kind=fields["kind"],
        title=fields["title"],
        phases=tuple(phase_of(phase) for phase in fields["phases"]),
        offset=_offset(fields["after"]) if "after" in fields else None,
        before=fields.get("before"),
        series=number.get("series"),
        position=number.get("position"),
        series_length=number.get("of"),
        proposed=fields.get("proposed", False),
        visible=fields.get("visible", True),
        requirements=tuple(fields.get("requirements", ())),
        preparation=fields.get("preparation"),
    )


def _action_document(action: Action) -> dict[str, Any]:
    document: dict[str, Any] = {"key": action.key, "kind": action.kind, "title": action.title}
    document["phases"] = [phase_document(phase) for phase in action.phases]
    if action.offset:
        document["after"] = _offset_document(action.offset)
    if action.series is not None:
        document["number"] = {
            "series": action.series,
            "position": action.position,
            "of": action.series_length,
        }
    document |= _given(
        before=action.before,
        proposed=action.proposed,
        requirements=list(action.requirements),
        preparation=action.preparation,
        dosing=action.dosing is not None,
    )
    return document if action.visible else document | {"visible": False}


def _offset(fields: Fields) -> Offset:
    unit = next(unit for unit in Unit if unit.value in fields)
    least, target, most = fields[unit.value]
    return Offset(
        after=fields["action"],
        unit=unit,
        min=least,
        target=target,
        max=most,
        edge=Edge(fields.get("from", "start")),
        hard=fields.get("hard", False),
    )


def _offset_document(offset: Offset) -> dict[str, Any]:
    edge = None if offset.edge is Edge.START else offset.edge.value
    limits = [offset.min, offset.target, offset.max]
    return {
        "action": offset.after,
        offset.unit.value: limits,
        **_given(**{"from": edge}, hard=offset.hard),
    }


def phase_of(fields: Fields) -> Phase:
    needs = tuple(_need(need) for need in fields["needs"])
    return Phase(fields["name"], fields["minutes"] * MINUTE, needs, fields.get("attended", True))


def phase_document(phase: Phase) -> dict[str, Any]:
    needs = [_need_document(need) for need in phase.needs]
    document: dict[str, Any] = {"name": phase.name, "minutes": phase.length // MINUTE, "needs": needs}
    return document if phase.attended else document | {"attended": False}


def _need(fields: str | Fields) -> Need:
    if isinstance(fields, str):
        return Need(Role(fields))
    return Need(
        role=Role(fields["role"]),
        exclusive=fields.get("exclusive", False),
        presence=fields.get("presence", False),
        length=fields["minutes"] * MINUTE if "minutes" in fields else None,
        capability=fields.get("capability"),
    )


def _need_document(need: Need) -> str | dict[str, Any]:
    minutes = need.length // MINUTE if need.length is not None else None
    details = _given(
        exclusive=need.exclusive, presence=need.presence, minutes=minutes, capability=need.capability
    )
    return {"role": need.role.value, **details} if details else need.role.value


def _requirement(fields: Fields) -> RequirementDefinition:
    return RequirementDefinition(
        key=fields["key"],
        title=fields["title"],
        holds=Holds(fields["holds"]),
        valid_days=fields.get("valid_days", fields.get("within_days")),
        lead=fields.get("lead_hours", 0) * HOUR,
        after_visit=fields.get("after_visit", False),
        titles=tuple(sorted(fields.get("titles", {}).items())),
        completed_by=tuple(sorted(fields.get("completed_by", ()))),
        if_applies=fields.get("if_applies", False),
        reference=fields.get("reference", False),
    )


def _requirement_document(requirement: RequirementDefinition) -> dict[str, Any]:
    document: dict[str, Any] = {
        "key": requirement.key,
        "title": requirement.title,
        "holds": requirement.holds.value,
    }
    days = "within_days" if requirement.after_visit else "valid_days"
    lead_hours = requirement.lead // HOUR
    given = {
        days: requirement.valid_days,
        "titles": dict(requirement.titles),
        "completed_by": list(requirement.completed_by),
    }
    flags = {"if_applies": requirement.if_applies, "reference": requirement.reference}
    return document | _given(**given, lead_hours=lead_hours, after_visit=requirement.after_visit, **flags)


def _given(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value}
