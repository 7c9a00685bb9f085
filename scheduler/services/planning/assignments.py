"""The location and the practitioners that a caller gives for a visit: whether the visit can take them.

The planner passes over resources that have none of the roles a visit asks for. A person who names one must be told.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from scheduler.domain.plans import Action, Need, Role
from scheduler.errors import Invalid
from scheduler.models.location import Location, Where
from scheduler.models.practitioner import Practitioner
from scheduler.models.site import Site

LOCATION, PRACTITIONERS = "location_id", "practitioner_ids"
ONE_ONLY = (Role.PRESCRIBER, Role.THERAPIST)  # one person stays for the whole visit; nurses may hand over


def require(
    action: Action,
    location: Where | None,
    practitioners: Iterable[Practitioner],
    names: tuple[str, str] = (LOCATION, PRACTITIONERS),
) -> None:
    """Raise Invalid, naming the field, unless the visit can take what is given. `names` are the fields' names."""
    needs = [need for phase in action.phases for need in phase.needs if not need.presence]
    errors = []
    if isinstance(location, Site):
        fault = "" if location.active else f"{location.name} is not active"
    else:
        fault = _location_fault(action, location, needs) if location is not None else ""
    if fault:
        errors.append((names[0], fault))
    errors += [(names[1], fault) for fault in _people_faults(action, list(practitioners), needs)]
    if errors:
        raise Invalid(errors)


def placed_at(action: Action, where: Where | None) -> Action:
    """Return the action at the site that is asked for, or that of the chair or room; None leaves it as it is."""
    if where is None:
        return action
    return replace(action, site=site_at(where).resource_id)


def site_at(where: Where) -> Site:
    return where if isinstance(where, Site) else where.site


def one_place(where: Where | None) -> Location | None:
    """Return the very chair or room that is asked for, if it is one."""
    return where if isinstance(where, Location) else None


def require_ids(
    session: Session,
    clinic_id: int,
    action: Action,
    resource_ids: Iterable[int],
    names: tuple[str, str] = (LOCATION, PRACTITIONERS),
) -> None:
    """Raise Invalid as `require` does, for resources that are known by their ids."""
    wanted = set(resource_ids)
    if not wanted:
        return
    places = select(Location).where(Location.clinic_id == clinic_id, Location.resource_id.in_(wanted))
    people = select(Practitioner).where(
        Practitioner.clinic_id == clinic_id, Practitioner.resource_id.in_(wanted)
    )
    require(action, session.scalar(places.limit(1)), session.scalars(people.order_by(Practitioner.id)), names)


def require_for_course(actions: Sequence[Action], practitioners: Iterable[Practitioner], name: str) -> None:
    """Raise Invalid unless each person has a role that some visit of the course asks for."""
    needed = {need.role for action in actions for phase in action.phases for need in phase.needs}
    errors = [
        (name, _lacks("The course", person, needed)) if person.active else (name, _gone(person))
        for person in practitioners
        if not person.active or not person.roles & needed
    ]
    if errors:
        raise Invalid(errors)


def _location_fault(action: Action, location: Location, needs: Sequence[Need]) -> str:
    if not location.active:
        return f"{location.name} is not active"
    asked = [need for need in needs if need.role.is_place]
    if not any(need.role.value == location.kind.value for need in asked):
        kinds = " or ".join(sorted({need.role.value for need in asked})) or "no chair or room"
        return f"{location.name} is a {location.kind.value}; {action.title} needs {_a(kinds)}"
    missing = sorted({need.capability for need in asked if need.capability} - set(location.capabilities))
    return f"{location.name} has no {', '.join(missing)}; {action.title} needs it" if missing else ""


def _people_faults(action: Action, people: Sequence[Practitioner], needs: Sequence[Need]) -> list[str]:
    needed = {need.role for need in needs if not need.role.is_place}
    faults = [_gone(person) for person in people if not person.active]
    at_work = [person for person in people if person.active]
    faults += [_lacks(action.title, person, needed) for person in at_work if not person.roles & needed]
    for role in ONE_ONLY:
        only = [person.name for person in at_work if person.roles & needed == {role}]
        if len(only) > 1:
            faults.append(f"{action.title} takes one {role.value}, not {' and '.join(only)}")
    return faults


def _gone(person: Practitioner) -> str:
    return f"{person.name} is no longer active"


def _lacks(what: str, person: Practitioner, needed: Iterable[Role]) -> str:
    has = " and ".join(sorted(role.value for role in person.roles)) or "person without a role"
    asked = " or ".join(sorted(role.value for role in needed if not role.is_place)) or "nobody"
    return f"{person.name} is {_a(has)}; {what} needs {_a(asked)}"


def _a(words: str) -> str:
    return words if words.startswith("no") else f"a {words}"
