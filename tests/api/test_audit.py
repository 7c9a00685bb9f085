from tests.engines import both


@both
def test_the_trail_says_who_did_what(api, harbor):
    ada, alice = api(harbor, "ada"), api(harbor, "alice")
    made = alice.post("/patients", {"given_name": "Zoe", "family_name": "Li"}).json
    trail = ada.get(f"/audit?object_id={made['id']}").json["items"]

    assert [(one["event"], one["user"], one["actor"]) for one in trail] == [
        ("patient.created", "alice@example.org", "staff")
    ]
    assert trail[0]["address"] == "127.0.0.1"
    assert "Zoe" not in str(trail)


@both
def test_pages_hold_every_event_once(api, harbor):
    ada = api(harbor, "ada")
    every = ada.get("/audit?limit=200").json
    seen, cursor = [], ""
    while cursor is not None:
        answer = ada.get(f"/audit?limit=3{cursor and '&cursor=' + cursor}").json
        seen += answer["items"]
        cursor = answer["next_cursor"]

    assert every["next_cursor"] is None
    assert seen[:-2] == every["items"]
    assert sum(one["event"] == "audit.read" for one in seen) == 2  # each reading once


def test_only_admins_see_it_and_only_their_clinic(api, harbor, hill):
    assert api(harbor, "mona").get("/audit").json["permission"] == "audit"
    oscar = api(hill, "oscar")
    objects = {one["object_id"] for one in oscar.get("/audit?limit=200").json["items"]}
    assert harbor.patients["Nora"].public_id not in objects
    assert hill.patients["Otto"].public_id in objects


@both
def test_looking_at_a_record_is_noted(api, harbor):
    nora = harbor.patients["Nora"].public_id
    alice, ada = api(harbor, "alice"), api(harbor, "ada")
    alice.get(f"/patients/{nora}")
    trail = ada.get(f"/audit?object_id={nora}&event=patient.viewed").json["items"]

    assert [(one["user"], one["address"]) for one in trail] == [("alice@example.org", "127.0.0.1")]
