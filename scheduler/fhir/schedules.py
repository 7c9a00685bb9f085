"""Schedule: the calendar of a chair, a room or a person, under the id of its owner. Its times are Slots."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from scheduler.errors import NotFound
from scheduler.fhir import values
from scheduler.fhir.elements import Element, reference
from scheduler.fhir.outcomes import BadSearch
from scheduler.fhir.searches import SearchPage, SearchRequest
from scheduler.models import location as locations
from scheduler.models import practitioner as practitioners
from scheduler.models.location import Location
from scheduler.models.practitioner import Practitioner
from scheduler.services.actors import Actor

PARAMETERS = {"actor": "reference", "active": "token"}
Owner = Location | Practitioner


def read(session: Session, actor: Actor, public_id: str, now: datetime) -> Element:
    del now
    return view(owner(session, actor, public_id))


def search(session: Session, actor: Actor, asked: SearchRequest, now: datetime) -> SearchPage:
    del now
    found = [one for one in owners(session, actor) if _fits(one, asked)]
    return paged([view(one) for one in found], asked)


def paged(resources: list[Element], asked: SearchRequest) -> SearchPage:
    """Return the page of computed resources that `asked` names by the id it comes after."""
    start = 0
    if asked.after is not None:
        places = [place for place, one in enumerate(resources) if one["id"] == asked.after]
        if not places:
            raise BadSearch("_after: that position no longer exists; search again")
        start = places[0] + 1
    rows = resources[start : start + asked.count]
    more = start + asked.count < len(resources) and rows
    return SearchPage(rows, len(resources), rows[-1]["id"] if more else None)


def owners(session: Session, actor: Actor) -> list[Owner]:
    """Return every chair, room and person of the clinic, those in use first."""
    clinic_id = actor.clinic.id
    return [*locations.every(session, clinic_id), *practitioners.every(session, clinic_id)]


def owner(session: Session, actor: Actor, public_id: str) -> Owner:
    """Return whose schedule has this id. Raises NotFound."""
    clinic_id = actor.clinic.id
    found: Owner | None = locations.by_public_id(session, clinic_id, public_id)
    found = found or practitioners.by_public_id(session, clinic_id, public_id)
    if found is None:
        raise NotFound
    return found


def view(one: Owner) -> Element:
    kind = "Location" if isinstance(one, Location) else "Practitioner"
    return {
        "resourceType": "Schedule",
        "id": one.public_id,
        "active": one.active,
        "actor": [reference(kind, one.public_id, one.name)],
    }


def _fits(one: Owner, asked: SearchRequest) -> bool:
    return all(_matches(one, name, value) for name, value in asked.parameters)


def _matches(one: Owner, name: str, value: str) -> bool:
    if name == "active":
        return one.active in values.truths(name, value)
    return one.public_id in values.ids(
        name, value, *(("Location", "Practitioner") if name == "actor" else ())
    )
