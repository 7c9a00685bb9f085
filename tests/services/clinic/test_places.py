from datetime import timedelta

import pytest

from scheduler.domain.plans import Role
from scheduler.errors import Invalid, NotFound, WrongStatus
from scheduler.models.resource import ResourceKind
from scheduler.services.clinic import places
from tests.cast import NOW
from tests.engines import both
from tests.visits import add_visit


@both
def test_a_chair_is_added_and_changed(session, harbor):
    fields = {"name": "Chair 4", "kind": "chair", "capabilities": ["monitor", "bed", "bed"]}
    chair = places.create_location(session, harbor.actor("mona"), fields, NOW)
    places.update_location(session, harbor.actor("mona"), chair, {"name": "Window", "rank": 7}, NOW)

    assert (chair.kind, chair.name, chair.rank) == (ResourceKind.CHAIR, "Window", 7)
    assert (chair.capabilities, chair.resource.units) == (["bed", "monitor"], 1)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": "Chair 9"}, "kind"),
        ({"kind": "chair"}, "name"),
        ({"name": "Chair 1", "kind": "chair"}, "name"),
        ({"name": "Nora", "kind": "patient"}, "kind"),
        ({"name": "a\nb", "kind": "room"}, "name"),
        ({"name": "Chair 9", "kind": "chair", "rank": "1"}, "rank"),
        ({"name": "Chair 9", "kind": "chair", "color": "red"}, "color"),
    ],
)
def test_a_place_that_makes_no_sense_is_refused(session, harbor, fields, field):
    with pytest.raises(Invalid) as caught:
        places.create_location(session, harbor.actor("mona"), fields, NOW)

    assert [error["field"] for error in caught.value.details["errors"]] == [field]


@both
def test_a_person_has_roles_and_units(session, harbor):
    fields = {"name": "Kim", "roles": ["nurse", "prescriber"], "units": 2}
    kim = places.create_practitioner(session, harbor.actor("mona"), fields, NOW)
    changes = {"roles": ["nurse", "therapist"], "units": None}
    places.update_practitioner(session, harbor.actor("mona"), kim, changes, NOW)
    session.refresh(kim)

    assert kim.roles == frozenset({Role.NURSE, Role.THERAPIST})
    assert kim.resource.units is None


@pytest.mark.parametrize("roles", [[], ["chair"], "nurse", ["nurse", "pilot"]])
def test_a_person_has_at_least_one_role_of_people(session, harbor, roles):
    with pytest.raises(Invalid) as caught:
        places.create_practitioner(session, harbor.actor("mona"), {"name": "Kim", "roles": roles}, NOW)

    assert caught.value.details["errors"][0]["field"] == "roles"


def test_a_chair_with_visits_ahead_stays_in_use(session, harbor):
    visit = add_visit(session, harbor, "Chair 1", NOW + timedelta(days=1))
    chair = harbor.places["Chair 1"]

    with pytest.raises(WrongStatus) as caught:
        places.update_location(session, harbor.actor("mona"), chair, {"active": False}, NOW)

    assert [row["id"] for row in caught.value.details["appointments"]] == [visit.public_id]
    assert chair.active


def test_a_chair_whose_visits_are_over_is_taken_out_of_use(session, harbor):
    add_visit(session, harbor, "Chair 1", NOW - timedelta(days=1))
    chair = harbor.places["Chair 1"]
    places.update_location(session, harbor.actor("mona"), chair, {"active": False}, NOW)

    assert not chair.active


def test_places_and_people_of_another_clinic_are_not_there(session, harbor, hill):
    with pytest.raises(NotFound):
        places.get_location(session, harbor.clinic, hill.places["Liege 1"].public_id)
    with pytest.raises(NotFound):
        places.get_practitioner(session, harbor.clinic, hill.people["Nadja"].public_id)
