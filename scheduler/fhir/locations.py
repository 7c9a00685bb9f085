"""Location: a chair or a room, part of a site. A site is read by its id; searches find chairs and rooms."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, and_, func
from sqlalchemy.orm import Session

from scheduler.errors import NotFound
from scheduler.fhir import values
from scheduler.fhir.elements import Element, coded, own_code, reference
from scheduler.fhir.searches import SearchableTable, SearchPage, SearchRequest
from scheduler.http.bearer import caller
from scheduler.models import location as locations
from scheduler.models import site as sites
from scheduler.models.location import Location
from scheduler.models.resource import ResourceKind
from scheduler.models.site import Site, contact_of
from scheduler.services.actors import Actor

PARAMETERS = {"name": "string", "status": "token"}
PHYSICAL = "http://terminology.hl7.org/CodeSystem/location-physical-type"


class LocationStatus(StrEnum):
    ACTIVE = "active"
    SUSPENDED = "suspended"
    INACTIVE = "inactive"


def read(session: Session, actor: Actor, public_id: str, now: datetime) -> Element:
    del now
    place = locations.by_public_id(session, actor.clinic.id, public_id)
    if place is not None:
        return view(place)
    site = sites.by_public_id(session, actor.clinic.id, public_id)
    if site is None:
        raise NotFound
    return site_view(site)


def search(session: Session, actor: Actor, asked: SearchRequest, now: datetime) -> SearchPage:
    del now
    return ROWS.search(session, actor, asked)


def view(place: Location) -> Element:
    room = place.kind is ResourceKind.ROOM
    capabilities = [own_code("capability", one, one) for one in place.capabilities]
    return {
        "resourceType": "Location",
        "id": place.public_id,
        "status": "active" if place.active else "inactive",
        "name": place.name,
        "mode": "instance",
        **({"type": capabilities} if capabilities else {}),
        "physicalType": coded("Room", PHYSICAL, "ro") if room else own_code("place", "chair", "Chair"),
        "partOf": reference("Location", place.site.public_id, place.site.name),
        **_contact(place.site),
    }


def site_view(site: Site) -> Element:
    return {
        "resourceType": "Location",
        "id": site.public_id,
        "status": "active" if site.active else "inactive",
        "name": site.name,
        "mode": "instance",
        "physicalType": coded("Site", PHYSICAL, "si"),
        **_contact(site),
    }


def _contact(site: Site) -> Element:
    """Return the address and the phone number of a site, as far as they are known."""
    contact = contact_of(caller().clinic, site)
    return {
        **({"telecom": [{"system": "phone", "value": contact.phone}]} if contact.phone else {}),
        **({"address": {"text": contact.address}} if contact.address else {}),
    }


def _narrow(actor: Actor, name: str, value: str) -> ColumnElement[bool]:
    del actor
    if name == "status":
        wanted = values.codes(name, value, LocationStatus)
        known = {LocationStatus.ACTIVE: True, LocationStatus.INACTIVE: False}
        return Location.active.in_([known[status] for status in wanted if status in known])
    words = value.lower().split()
    return and_(*(func.lower(Location.name).contains(word, autoescape=True) for word in words))


ROWS = SearchableTable(Location, (Location.public_id,), _narrow, view)
