"""Locations (chairs and rooms) and practitioners."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field
from sqlalchemy import select

from scheduler import clock
from scheduler.api.fields import Body, Id, ReadOnly, TextLine, View
from scheduler.api.operations import Answer, call
from scheduler.api.paging import Paged, page
from scheduler.database import db
from scheduler.models.location import Location
from scheduler.models.practitioner import Practitioner
from scheduler.services.actors import Actor
from scheduler.services.clinic import places

Rank = Annotated[int, Field(ge=0, le=10_000)]
Capability = Annotated[str, TextLine(40, required=True)]
Role = Literal["nurse", "prescriber", "therapist"]
ROLES: tuple[Role, ...] = ("nurse", "prescriber", "therapist")


class LocationView(View):
    id: ReadOnly[Id]
    kind: ReadOnly[Literal["chair", "room"]]
    name: str
    capabilities: list[str]
    rank: int
    active: bool


class LocationChange(Body, view=LocationView):
    """The fields to change. `active` false takes it out of use; not while it has visits ahead."""

    name: Annotated[str, TextLine(80, required=True)] = ""
    capabilities: list[Capability] = Field(default=[], max_length=20)
    rank: Rank = 0
    active: bool = True


class NewLocation(LocationChange):
    name: Annotated[str, TextLine(80, required=True)]
    kind: Literal["chair", "room"]


class LocationPage(View):
    items: list[LocationView]
    next_cursor: str | None


class PractitionerView(View):
    id: ReadOnly[Id]
    name: str
    roles: list[Role]
    units: int | None
    rank: int
    active: bool
    has_sign_in: ReadOnly[bool]


class PractitionerChange(Body, view=PractitionerView):
    """The fields to change. `units` is how many patients at once; null is the clinic's ratio.

    `active` false takes the person off the plan; their sign-in stays, and is ended on the page of staff.
    """

    name: Annotated[str, TextLine(200, required=True)] = ""
    roles: list[Role] = Field(default=[], min_length=1, max_length=3)
    units: Annotated[int, Field(ge=1, le=20)] | None = None
    rank: Rank = 0
    active: bool = True


class NewPractitioner(PractitionerChange):
    name: Annotated[str, TextLine(200, required=True)]
    roles: list[Role] = Field(min_length=1, max_length=3)


class PractitionerPage(View):
    items: list[PractitionerView]
    next_cursor: str | None


@call("GET", "/locations", may="view", query=Paged, gives=LocationPage)
def list_locations(actor: Actor, query: Paged) -> Answer:
    """List chairs and rooms in the board's order, those out of use as well."""
    rows = select(Location).where(Location.clinic_id == actor.clinic.id)
    order = (Location.rank, Location.name, Location.public_id)
    found, cursor = page(db.session(), rows, query, order, lambda row: (row.rank, row.name, row.public_id))
    return Answer(LocationPage(items=[_location(row) for row in found], next_cursor=cursor))


@call("POST", "/locations", may="settings", body=NewLocation, gives=LocationView, status=201)
def create_location(actor: Actor, body: NewLocation) -> Answer:
    """Add a chair or room."""
    location = places.create_location(db.session(), actor, _given(body), clock.now())
    return Answer(_location(location), location=f"/api/v1/locations/{location.public_id}")


@call("GET", "/locations/<location_id>", may="view", gives=LocationView)
def get_location(actor: Actor, location_id: str) -> Answer:
    """Show a chair or room."""
    return Answer(_location(places.get_location(db.session(), actor.clinic, location_id)))


@call(
    "PATCH",
    "/locations/<location_id>",
    may="settings",
    body=LocationChange,
    gives=LocationView,
    refuses=(409,),
)
def change_location(actor: Actor, body: LocationChange, location_id: str) -> Answer:
    """Change a chair or room."""
    location = places.get_location(db.session(), actor.clinic, location_id)
    return Answer(_location(places.update_location(db.session(), actor, location, _given(body), clock.now())))


@call("GET", "/practitioners", may="view", query=Paged, gives=PractitionerPage)
def list_practitioners(actor: Actor, query: Paged) -> Answer:
    """List the people who treat, in the board's order, those off the plan as well."""
    rows = select(Practitioner).where(Practitioner.clinic_id == actor.clinic.id)
    order = (Practitioner.rank, Practitioner.name, Practitioner.public_id)
    found, cursor = page(db.session(), rows, query, order, lambda row: (row.rank, row.name, row.public_id))
    return Answer(PractitionerPage(items=[_person(row) for row in found], next_cursor=cursor))


@call("POST", "/practitioners", may="people", body=NewPractitioner, gives=PractitionerView, status=201)
def create_practitioner(actor: Actor, body: NewPractitioner) -> Answer:
    """Add a person."""
    person = places.create_practitioner(db.session(), actor, _given(body), clock.now())
    return Answer(_person(person), location=f"/api/v1/practitioners/{person.public_id}")


@call("GET", "/practitioners/<practitioner_id>", may="view", gives=PractitionerView)
def get_practitioner(actor: Actor, practitioner_id: str) -> Answer:
    """Show a person."""
    return Answer(_person(places.get_practitioner(db.session(), actor.clinic, practitioner_id)))


@call(
    "PATCH",
    "/practitioners/<practitioner_id>",
    may="people",
    body=PractitionerChange,
    gives=PractitionerView,
    refuses=(409,),
)
def change_practitioner(actor: Actor, body: PractitionerChange, practitioner_id: str) -> Answer:
    """Change a person."""
    person = places.get_practitioner(db.session(), actor.clinic, practitioner_id)
    changed = places.update_practitioner(db.session(), actor, person, _given(body), clock.now())
    return Answer(_person(changed))


def _given(body: Body) -> dict[str, Any]:
    return {name: getattr(body, name) for name in body.model_fields_set}


def _location(location: Location) -> LocationView:
    return LocationView(
        id=location.public_id,
        kind="chair" if location.kind.value == "chair" else "room",
        name=location.name,
        capabilities=list(location.capabilities),
        rank=location.rank,
        active=location.active,
    )


def _person(person: Practitioner) -> PractitionerView:
    db.session().flush()
    return PractitionerView(
        id=person.public_id,
        name=person.name,
        roles=[role for role in ROLES if role in person.roles],
        units=person.resource.units,
        rank=person.rank,
        active=person.active,
        has_sign_in=person.user_id is not None,
    )
