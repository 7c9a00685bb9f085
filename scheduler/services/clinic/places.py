"""Chairs, rooms and people: added, changed, taken out of use.

What still has visits ahead is not taken out of use; the refusal lists them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from scheduler.domain.plans import Role
from scheduler.domain.text import BadText, clean_line
from scheduler.errors import Invalid, NotFound, WrongStatus
from scheduler.models import location as locations
from scheduler.models import practitioner as practitioners
from scheduler.models import versions
from scheduler.models.allocation import Allocation
from scheduler.models.appointment import Appointment, Participant
from scheduler.models.clinic import Clinic
from scheduler.models.location import Location
from scheduler.models.practitioner import Practitioner, PractitionerRole
from scheduler.models.resource import Resource, ResourceKind
from scheduler.models.site import Site
from scheduler.models.user import User
from scheduler.services.actors import Actor
from scheduler.services.clinic import sites
from scheduler.services.clinic.checked_fields import SHARED_FIELDS, checked, need, whole
from scheduler.services.feed import feed_ends
from scheduler.services.history import relabelled
from scheduler.services.locks import change_hours
from scheduler.services.trail import audit

PEOPLE = frozenset({Role.NURSE, Role.PRESCRIBER, Role.THERAPIST})


def create_location(session: Session, actor: Actor, fields: Mapping[str, Any], now: datetime) -> Location:
    """Add a chair or room: name, kind, capabilities, rank, site (the first one unless it is given). Raises Invalid."""
    values = checked(fields, LOCATION_FIELDS | {"kind": _place_kind})
    need(values, "name", "kind")
    _refuse_same_name(session, actor.clinic, values["name"])
    values.setdefault("site", sites.first(session, actor.clinic))
    resource = Resource(clinic_id=actor.clinic.id, kind=values.pop("kind"), units=1)
    session.add(resource)
    session.flush()
    location = Location(clinic_id=actor.clinic.id, resource_id=resource.id, **values)
    session.add(location)
    session.flush()
    audit.record(session, actor, "location.created", location, now, fields=values)
    versions.raise_versions(session, actor.clinic.id, [resource.id], now)
    return location


def update_location(
    session: Session, actor: Actor, location: Location, fields: Mapping[str, Any], now: datetime
) -> Location:
    """Change a chair or room; `active` false takes it out of use. Equal values change nothing.

    Raises Invalid, and WrongStatus listing the visits ahead: patients know at which address those are.
    """
    given = checked(fields, LOCATION_FIELDS)
    values = {name: value for name, value in given.items() if getattr(location, name) != value}
    if not values:
        return location
    if "name" in values:
        _refuse_same_name(session, actor.clinic, values["name"])
    if values.get("active") is False or "site" in values:
        change_hours(session, actor.clinic.id)  # a booking that has begun is seen below
        _refuse_with_visits_ahead(session, location.resource_id, location.name, now)
    if values.get("active", location.active) and not values.get("site", location.site).active:
        raise Invalid([("site", "is not in use")])
    named_in = _people_at(session, location) if "name" in values else []
    for name, value in values.items():
        setattr(location, name, value)
    if "name" in values:
        relabelled(session, actor.clinic.id, Appointment.location_id == location.id, now)
    audit.record(session, actor, "location.changed", location, now, fields=values)
    versions.raise_versions(session, actor.clinic.id, [location.resource_id, *named_in], now)
    return location


def create_practitioner(
    session: Session, actor: Actor, fields: Mapping[str, Any], now: datetime
) -> Practitioner:
    """Add a person: name, roles, rank, units (visits at once; None is the clinic's ratio). Raises Invalid."""
    values = checked(fields, PRACTITIONER_FIELDS)
    need(values, "name", "roles")
    roles = values.pop("roles")
    units = values.pop("units", None)
    resource = Resource(clinic_id=actor.clinic.id, kind=ResourceKind.PRACTITIONER, units=units)
    session.add(resource)
    session.flush()
    person = Practitioner(clinic_id=actor.clinic.id, resource_id=resource.id, **values)
    person.role_rows = [PractitionerRole(clinic_id=actor.clinic.id, role=role) for role in sorted(roles)]
    session.add(person)
    session.flush()
    audit.record(session, actor, "practitioner.created", person, now, fields=fields)
    versions.raise_versions(session, actor.clinic.id, [resource.id], now)
    return person


def update_practitioner(
    session: Session, actor: Actor, person: Practitioner, fields: Mapping[str, Any], now: datetime
) -> Practitioner:
    """Change a person; `active` false takes them off the plan and ends their calendar links.

    Equal values change nothing. Raises Invalid, and WrongStatus listing visits ahead.
    """
    given = checked(fields, PRACTITIONER_FIELDS)
    values = {name: value for name, value in given.items() if _present(person, name) != value}
    if not values:
        return person
    changed = list(values)
    if values.get("active") is False:
        _refuse_with_visits_ahead(session, person.resource_id, person.name, now)
        feed_ends.end_of_practitioner(session, actor, person, now)
    if "roles" in values:
        _give_roles(person, values.pop("roles"))
    if "units" in values:
        person.resource.units = values.pop("units")
    for name, value in values.items():
        setattr(person, name, value)
    audit.record(session, actor, "practitioner.changed", person, now, fields=changed)
    versions.raise_versions(session, actor.clinic.id, [person.resource_id], now)
    return person


def tie_account(
    session: Session, actor: Actor, person: Practitioner, user: User | None, now: datetime
) -> None:
    """Say which account is this person's, or that none is. Raises Invalid for an account of another person."""
    if person.user_id != (user.id if user else None):
        other = practitioners.of_user(session, person.clinic_id, user.id) if user else None
        if other is not None:
            raise Invalid([("email", f"is the sign-in of {other.name}")])
        person.user_id = user.id if user else None
        audit.record(session, actor, "practitioner.changed", person, now, ["user"])
        session.flush()


def get_location(session: Session, clinic: Clinic, public_id: str) -> Location:
    """Return the clinic's chair or room with this id. Raises NotFound."""
    location = locations.by_public_id(session, clinic.id, public_id)
    if location is None:
        raise NotFound
    return location


def get_practitioner(session: Session, clinic: Clinic, public_id: str) -> Practitioner:
    """Return the clinic's practitioner with this id. Raises NotFound."""
    person = practitioners.by_public_id(session, clinic.id, public_id)
    if person is None:
        raise NotFound
    return person


def visits_ahead(session: Session, resource_id: int, now: datetime) -> list[Appointment]:
    """Return the visits that occupy a resource from now on, in order of time."""
    taken = select(Allocation.appointment_id).where(
        Allocation.resource_id == resource_id, Allocation.released_at.is_(None), Allocation.end_at > now
    )
    query = select(Appointment).where(Appointment.id.in_(taken))
    return list(session.scalars(query.order_by(Appointment.start_at, Appointment.id)))


def _people_at(session: Session, location: Location) -> list[int]:
    """Return the resources of the people whose calendars say this chair or room."""
    query = (
        select(Practitioner.resource_id)
        .join(Participant, Participant.practitioner_id == Practitioner.id)
        .join(Appointment, Appointment.id == Participant.appointment_id)
        .where(Appointment.location_id == location.id)
    )
    return list(session.scalars(query.distinct()))


def _present(person: Practitioner, name: str) -> Any:
    return person.resource.units if name == "units" else getattr(person, name)


def _give_roles(person: Practitioner, roles: frozenset[Role]) -> None:
    person.role_rows = [row for row in person.role_rows if row.role in roles] + [
        PractitionerRole(clinic_id=person.clinic_id, role=role) for role in sorted(roles - person.roles)
    ]


def _refuse_same_name(session: Session, clinic: Clinic, name: str) -> None:
    if session.scalar(select(Location.id).where(Location.clinic_id == clinic.id, Location.name == name)):
        raise Invalid([("name", "is already used by another chair or room")])


def _refuse_with_visits_ahead(session: Session, resource_id: int, name: str, now: datetime) -> None:
    ahead = visits_ahead(session, resource_id, now)
    if ahead:
        visits = [{"id": visit.public_id, "start": visit.start_at.isoformat()} for visit in ahead]
        raise WrongStatus(
            f"{name} still has {len(ahead)} upcoming visits; move them first", appointments=visits
        )


def _place_kind(field: str, value: Any) -> ResourceKind:
    if value not in (ResourceKind.CHAIR, ResourceKind.ROOM):
        raise BadText(field, "must be chair or room")
    return ResourceKind(value)


def _roles(field: str, value: Any) -> frozenset[Role]:
    if isinstance(value, str) or not value or not set(value) <= PEOPLE:
        raise BadText(field, "must be one or more of nurse, prescriber, therapist")
    return frozenset(Role(role) for role in value)


def _site(field: str, value: Any) -> Site:
    if not isinstance(value, Site):
        raise BadText(field, "must be a site of this clinic")
    return value


def _capabilities(field: str, value: Any) -> list[str]:
    if isinstance(value, str) or len(value) > 20:
        raise BadText(field, "must be a list of at most 20 words")
    return sorted({clean_line(field, word, 40, required=True) for word in value})


LOCATION_FIELDS = SHARED_FIELDS | {
    "name": lambda field, value: clean_line(field, value, 80, required=True),
    "capabilities": _capabilities,
    "site": _site,
}
PRACTITIONER_FIELDS = SHARED_FIELDS | {
    "name": lambda field, value: clean_line(field, value, 200, required=True),
    "roles": _roles,
    "units": lambda field, value: None if value is None else whole(field, value, 1, 20),
}
