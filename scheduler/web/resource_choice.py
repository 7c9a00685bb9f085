"""The chairs, rooms, people and sites of a clinic as a form offers them."""

from __future__ import annotations

from dataclasses import dataclass

from scheduler.database import db
from scheduler.domain.plans import Role
from scheduler.models import location as locations
from scheduler.models import practitioner as practitioners
from scheduler.web.current import actor
from scheduler.web.shell import site_choices


@dataclass(frozen=True)
class ResourceChoice:
    """What may run late or be away; `one_at_a_time` when pauses between its visits can take up a delay."""

    resource_id: int
    key: str
    name: str
    is_person: bool
    one_at_a_time: bool
    is_site: bool = False


def known_resources() -> list[ResourceChoice]:
    """Return the clinic's chairs, rooms and people, in the board's order."""
    clinic = actor().clinic
    places = [
        ResourceChoice(place.resource_id, f"place-{place.public_id}", place.name, False, True)
        for place in locations.active(db.session(), clinic.id)
    ]
    people = [
        ResourceChoice(
            person.resource_id,
            f"person-{person.public_id}",
            person.name,
            True,
            Role.NURSE not in person.roles,
        )
        for person in practitioners.active(db.session(), clinic.id)
    ]
    return places + people


def known_sites() -> list[ResourceChoice]:
    """Return the sites, where there are several: a site may close alone."""
    return [
        ResourceChoice(one.resource_id, f"site-{one.public_id}", one.name, False, False, is_site=True)
        for one in site_choices()
    ]


def key_of(resource_id: int) -> str:
    """Return what a chair, room or person is called in a form; nothing for one that is not in use any more."""
    return next((one.key for one in known_resources() if one.resource_id == resource_id), "")


def chosen_resource(key: str) -> ResourceChoice | None:
    """Return the choice with this key, also of a site; None where there is none."""
    return next((one for one in [*known_resources(), *known_sites()] if one.key == key), None)
