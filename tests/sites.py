"""A second site for Harbor: North, on the other bank, with two chairs and a room."""

from scheduler.models.site import Site
from scheduler.services.clinic import places, sites
from tests.cast import NOW

ADDRESS, PHONE = "9 North Road, Queens", "+1 212 555 0199"


def add_north(session, cast) -> Site:
    """Add the site with its places, by name in the cast."""
    fields = {"name": "North", "address": ADDRESS, "phone": PHONE, "rank": 1}
    north = sites.create(session, cast.actor("mona"), fields, NOW)
    for name, kind in (("North 1", "chair"), ("North 2", "chair"), ("North room", "room")):
        place = {"name": name, "kind": kind, "rank": len(cast.places), "site": north}
        cast.places[name] = places.create_location(session, cast.actor("mona"), place, NOW)
    session.flush()
    return north


def sites_of_visits(visits) -> set[str]:
    """Return the names of the sites of rows."""
    return {one.location.site.name for one in visits if one.location is not None}
