"""How a program names what hours and closures belong to: the clinic, a site, a location or a practitioner."""

from __future__ import annotations

from typing import Literal

from sqlalchemy import select

from scheduler.database import db
from scheduler.errors import Invalid
from scheduler.models.location import Location
from scheduler.models.practitioner import Practitioner
from scheduler.models.resource import Resource
from scheduler.models.site import Site
from scheduler.services.actors import Actor
from scheduler.services.clinic import places, sites

Scope = Literal["clinic", "site", "location", "practitioner"]
PLACES: tuple[tuple[Scope, type[Location] | type[Site]], ...] = (("location", Location), ("site", Site))


def resource_of(actor: Actor, scope: Scope, scope_id: str | None) -> Resource | None:
    """Return the resource of a site, location or practitioner, None for the clinic. Raises Invalid and NotFound."""
    if (scope == "clinic") != (scope_id is None):
        raise Invalid([("scope_id", "is needed, unless the scope is the clinic")])
    if scope_id is None:
        return None
    if scope == "site":
        return sites.get(db.session(), actor.clinic, scope_id).resource
    if scope == "location":
        return places.get_location(db.session(), actor.clinic, scope_id).resource
    return places.get_practitioner(db.session(), actor.clinic, scope_id).resource


def naming(actor: Actor, resource_id: int | None) -> tuple[Scope, str | None]:
    """Return the scope and the id by which a program knows a resource."""
    if resource_id is None:
        return "clinic", None
    for scope, table in PLACES:
        place = select(table.public_id).where(
            table.clinic_id == actor.clinic.id, table.resource_id == resource_id
        )
        found = db.session().scalar(place)
        if found is not None:
            return scope, found
    person = select(Practitioner.public_id).where(
        Practitioner.clinic_id == actor.clinic.id, Practitioner.resource_id == resource_id
    )
    return "practitioner", db.session().scalar(person)
