"""How a program names what hours, closures and feeds belong to: the clinic, a location or a practitioner."""

from __future__ import annotations

from typing import Literal

from sqlalchemy import select

from scheduler.database import db
from scheduler.errors import Invalid
from scheduler.models.location import Location
from scheduler.models.practitioner import Practitioner
from scheduler.models.resource import Resource
from scheduler.services.actors import Actor
from scheduler.services.clinic import places

Scope = Literal["clinic", "location", "practitioner"]


def resource_of(actor: Actor, scope: Scope, scope_id: str | None) -> Resource | None:
    """Return the resource of a location or practitioner, None for the clinic. Raises Invalid and NotFound."""
    if (scope == "clinic") != (scope_id is None):
        raise Invalid([("scope_id", "is needed, unless the scope is the clinic")])
    if scope_id is None:
        return None
    if scope == "location":
        return places.get_location(db.session(), actor.clinic, scope_id).resource
    return places.get_practitioner(db.session(), actor.clinic, scope_id).resource


def naming(actor: Actor, resource_id: int | None) -> tuple[Scope, str | None]:
    """Return the scope and the id by which a program knows a resource."""
    if resource_id is None:
        return "clinic", None
    place = select(Location.public_id).where(
        Location.clinic_id == actor.clinic.id, Location.resource_id == resource_id
    )
    found = db.session().scalar(place)
    if found is not None:
        return "location", found
    person = select(Practitioner.public_id).where(
        Practitioner.clinic_id == actor.clinic.id, Practitioner.resource_id == resource_id
    )
    return "practitioner", db.session().scalar(person)
