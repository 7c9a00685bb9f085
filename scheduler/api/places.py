"""Sites, locations (chairs and rooms) and practitioners."""

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
from scheduler.models.site import Site
from scheduler.services.actors import Actor
from scheduler.services.clinic import places, sites

Rank = Annotated[int, Field(ge=0, le=10_000)]
Capability = Annotated[str, TextLine(40, required=True)]
Role = Literal["nurse", "prescriber", "therapist"]
ROLES: tuple[Role, ...] = ("nurse", "prescriber", "therapist")


class SiteView(View):
    """An address of the clinic. An empty `address` or `phone` is the clinic's own."""

    id: ReadOnly[Id]
    name: str
    address: str
    phone: str
    rank: int
    active: bool


class SiteChange(Body, view=SiteView):
    """The fields to change. `active` false takes it out of use; not while it has locations in use, nor the only one."""

    name: Annotated[str, TextLine(80, required=True)] = ""
    address: Annotated[str, TextLine(300)] = ""
    phone: Annotated[str, TextLine(40)] = ""
    rank: Rank = 0
    active: bool = True


class NewSite(SiteChange):
    name: Annotated[str, TextLine(80, required=True)]


class SitePage(View):
    items: list[SiteView]
    next_cursor: str | None


class LocationView(View):
    id: ReadOnly[Id]
    kind: ReadOnly[Literal["chair", "room"]]
    name: str
    site_id: Id
    capabilities: list[str]
    rank: int
    active: bool


class LocationChange(Body, view=LocationView):
    """The fields to change. `active` false takes it out of use; not while it has visits ahead, nor can its site change
    then."""

    name: Annotated[str, TextLine(80, required=True)] = ""
    site_id: Id = ""
    capabilities: list[Capability] = Field(default=[], max_length=20)
    rank: Rank = 0
    active: bool = True


class NewLocation(LocationChange):
    """A new chair or room; without `site_id` it is at the clinic's first site."""

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


@call("GET", "/sites", may="view", query=Paged, gives=SitePage)
def list_sites(actor: Actor, query: Paged) -> Answer:
    """List the clinic's sites in order, those out of use as well. A clinic has one at least."""
    rows = select(Site).where(Site.clinic_id == actor.clinic.id)
    order = (Site.rank, Site.name, Site.public_id)
    found, cursor = page(db.session(), rows, query, order, lambda row: (row.rank, row.name, row.public_id))
    return Answer(SitePage(items=[_site(row) for row in found], next_cursor=cursor))


@call("POST", "/sites", may="settings", body=NewSite, gives=SiteView, status=201)
def create_site(actor: Actor, body: NewSite) -> Answer:
    """Add a site. Its hours and closures are those of the scope `site`."""
    site = sites.create(db.session(), actor, _given(body), clock.now())
    return Answer(_site(site), location=f"/api/v1/sites/{site.public_id}")


@call("GET", "/sites/<site_id>", may="view", gives=SiteView)
def get_site(actor: Actor, site_id: str) -> Answer:
    """Show a site."""
    return Answer(_site(sites.get(db.session(), actor.clinic, site_id)))


@call("PATCH", "/sites/<site_id>", may="settings", body=SiteChange, gives=SiteView, refuses=(409,))
def change_site(actor: Actor, body: SiteChange, site_id: str) -> Answer:
    """Change a site. Patients' calendars show another address at once; nobody gets mail."""
    site = sites.get(db.session(), actor.clinic, site_id)
    return Answer(_site(sites.update(db.session(), actor, site, _given(body), clock.now())))


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
    location = places.create_location(db.session(), actor, _of_location(actor, body), clock.now())
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
    fields = _of_location(actor, body)
    return Answer(_location(places.update_location(db.session(), actor, location, fields, clock.now())))


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


def _of_location(actor: Actor, body: LocationChange) -> dict[str, Any]:
    """Return the fields with the site itself instead of its id. Raises NotFound."""
    fields = _given(body)
    if "site_id" in fields:
        fields["site"] = sites.get(db.session(), actor.clinic, fields.pop("site_id"))
    return fields


def _site(site: Site) -> SiteView:
    return SiteView(
        id=site.public_id,
        name=site.name,
        address=site.address,
        phone=site.phone,
        rank=site.rank,
        active=site.active,
    )


def _location(location: Location) -> LocationView:
    return LocationView(
        id=location.public_id,
        kind="chair" if location.kind.value == "chair" else "room",
        name=location.name,
        site_id=location.site.public_id,
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
