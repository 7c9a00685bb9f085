import pytest

from scheduler.services.account.permissions import PERMISSIONS
from tests.api.conftest import Program
from tests.engines import both


@both
def test_a_token_is_made_used_listed_and_revoked(api, harbor, app):
    ada = api(harbor, "ada")
    made = ada.post("/tokens", {"user": "alice@example.org", "name": "phone", "scopes": ["view"]})
    phone = Program(app.test_client(), made.json["token"])
    seen = phone.get("/patients").status_code
    refused = phone.post("/patients", {"given_name": "Zoe", "family_name": "Li"})
    listed = ada.get("/tokens").json["items"]
    gone = ada("DELETE", f"/tokens/{made.json['id']}")

    assert (made.status_code, made.json["scopes"], made.json["prefix"]) == (
        201,
        ["view"],
        made.json["token"][:14],
    )
    assert (seen, refused.status_code, refused.json["permission"]) == (200, 403, "patients")
    assert made.json["token"] not in str(listed)
    assert {one["name"] for one in listed} == {"phone", "test"}
    assert (gone.status_code, phone.get("/patients").status_code) == (204, 401)


def test_a_scope_gives_nothing_that_the_role_has_not(api, harbor, app):
    made = api(harbor, "ada").post(
        "/tokens", {"user": "rita@example.org", "name": "x", "scopes": sorted(PERMISSIONS)}
    )
    rita = Program(app.test_client(), made.json["token"])

    assert rita.get("/patients").status_code == 200
    assert rita.get("/audit").status_code == 403


@pytest.mark.parametrize(
    "change",
    [
        {"scopes": []},
        {"scopes": ["fly"]},
        {"expires_at": "2020-01-01T00:00:00Z"},
        {"name": "a\nb"},
        {"name": ""},
    ],
)
def test_a_token_that_makes_no_sense_is_refused(api, harbor, change):
    ada = api(harbor, "ada")
    answer = ada.post("/tokens", {"user": "alice@example.org", "name": "phone", **change})

    assert answer.json["code"] == "invalid"
    assert len(ada.get("/tokens").json["items"]) == 1


def test_tokens_are_of_one_clinic_and_of_its_members(api, harbor, hill):
    ada, oscar = api(harbor, "ada"), api(hill, "oscar")
    mine = ada.get("/tokens").json["items"][0]["id"]

    assert ada.post("/tokens", {"user": "oscar@example.org", "name": "x"}).status_code == 404
    assert oscar("DELETE", f"/tokens/{mine}").status_code == 404
    assert [one["user"] for one in oscar.get("/tokens").json["items"]] == ["oscar@example.org"]
