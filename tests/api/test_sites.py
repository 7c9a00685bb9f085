"""Sites for programs: added, changed, hours, closures, and where a proposal or a visit is."""

import pytest

from tests.cast import NOW
from tests.engines import both
from tests.sites import ADDRESS, add_north
from tests.visits import single

NEW = {"name": "North", "address": ADDRESS, "phone": "", "rank": 1}


@pytest.fixture
def north(session, harbor):
    north = add_north(session, harbor)
    session.commit()
    return north


@both
def test_a_site_is_added_changed_and_listed(api, harbor):
    mona = api(harbor, "mona")
    made = mona.post("/sites", NEW)
    changed = mona("PATCH", f"/sites/{made.json['id']}", {"name": "North bank"})

    assert made.status_code == 201
    assert changed.json == {**NEW, "id": made.json["id"], "active": True, "name": "North bank"}
    assert mona.get(f"/sites/{made.json['id']}").json == changed.json
    assert [one["name"] for one in mona.get("/sites").json["items"]] == ["Main", "North bank"]


@both
def test_a_chair_is_at_a_site_and_stays_while_it_has_visits(api, session, harbor):
    mona = api(harbor, "mona")
    north = mona.post("/sites", NEW).json["id"]
    chair = mona.post("/locations", {"name": "North 1", "kind": "chair", "site_id": north}).json
    first = mona.get(f"/locations/{harbor.places['Chair 1'].public_id}").json
    assert (chair["site_id"] == north, first["site_id"] == north) == (True, False)
    back = mona("PATCH", f"/locations/{chair['id']}", {"site_id": first["site_id"]})
    assert back.json == chair | {"site_id": first["site_id"]}
    session.rollback()
    single(session, harbor, harbor.patients["Nora"], "infusion-1", NOW.replace(day=30, hour=16), "Chair 1")
    session.commit()
    refused = mona("PATCH", f"/locations/{first['id']}", {"site_id": north})

    assert (refused.status_code, refused.json["type"].rpartition("#")[2]) == (409, "wrong-status")


@both
def test_hours_and_closures_have_the_scope_site(api, harbor, north):
    mona = api(harbor, "mona")
    scope = {"scope": "site", "scope_id": north.public_id}
    hours = {"weekly": [{"weekday": 1, "starts": "12:00", "ends": "18:00"}]}
    saved = mona("PUT", "/schedules", scope | hours).json
    window = {"start": "2026-12-01T00:00:00-05:00", "end": "2026-12-02T00:00:00-05:00"}
    closure = mona.post("/closures", scope | window).json

    assert (saved["scope"], saved["scope_id"]) == ("site", north.public_id)
    assert mona.get(f"/schedules?scope=site&scope_id={north.public_id}").json == saved
    assert (closure["scope"], closure["scope_id"]) == ("site", north.public_id)
    assert mona.get("/closures").json["items"][0]["scope"] == "site"


@pytest.mark.parametrize("name", ["Main", "North"])
def test_a_proposal_is_at_the_site_that_is_asked_for(api, harbor, north, wishes, name):
    alice = api(harbor, "alice")
    site = {one["name"]: one["id"] for one in alice.get("/sites").json["items"]}[name]
    found = alice.post("/proposals", wishes(site_id=site)).json["items"][0]
    places = {one["location_id"] for one in found["appointments"] if one["location_id"]}

    assert {alice.get(f"/locations/{one}").json["site_id"] for one in places} == {site}


def test_a_visit_is_moved_to_another_site(api, session, harbor, north):
    alice = api(harbor, "alice")
    mine = single(
        session, harbor, harbor.patients["Nora"], "infusion-1", NOW.replace(day=30, hour=16), "Chair 1"
    )
    session.commit()
    body = {"start": mine.start_at.isoformat(), "site_id": north.public_id}
    moved = alice.post(f"/appointments/{mine.public_id}/time", body)

    assert moved.status_code == 200, moved.json
    session.rollback()
    assert mine.location.site is north


def test_a_site_may_be_closed_by_a_re_plan(api, harbor, north):
    mona = api(harbor, "mona")
    window = {"start": "2026-12-01T00:00:00-05:00", "end": "2026-12-02T00:00:00-05:00"}
    asked = mona.post("/replans", window | {"site_id": north.public_id})
    both_given = window | {"site_id": north.public_id, "location_id": harbor.places["Chair 1"].public_id}

    assert (asked.status_code, asked.json["scope"], asked.json["scope_id"]) == (202, "site", north.public_id)
    assert mona.post("/replans", both_given).status_code == 422


def test_another_clinics_site_does_not_exist(api, harbor, hill, north):
    oscar = api(hill, "oscar")
    answers = [
        oscar.get(f"/sites/{north.public_id}"),
        oscar("PATCH", f"/sites/{north.public_id}", {"name": "x"}),
        oscar.post("/locations", {"name": "Liege 2", "kind": "chair", "site_id": north.public_id}),
    ]

    assert [one.status_code for one in answers] == [404, 404, 404]
