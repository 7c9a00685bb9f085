from datetime import timedelta

import pytest

from scheduler.errors import Invalid, WrongStatus
from scheduler.models.user import StaffRole, member
from scheduler.services.account import accounts, memberships
from tests.api.conftest import Program
from tests.cast import NOW, PASSWORD
from tests.engines import both


@both
def test_a_token_is_made_used_listed_and_revoked(api, harbor, app):
    ada = api(harbor, "ada")
    made = ada.post("/tokens", {"name": "phone", "scopes": ["view"]})
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
    assert (made.json["user"], made.json["made_by"], made.json["made_via"]) == (
        "ada@example.org",
        "ada@example.org",
        "api",
    )
    assert (seen, refused.status_code, refused.json["permission"]) == (200, 403, "patients")
    assert made.json["token"] not in str(listed)
    assert {(one["name"], one["made_via"]) for one in listed} == {("phone", "api"), ("test", "command")}
    assert (gone.status_code, phone.get("/patients").status_code) == (204, 401)


@both
def test_a_token_makes_none_that_is_wider_than_itself(api, harbor, app):
    narrow = api(harbor, "ada", scopes=["tokens"])
    made = narrow.post("/tokens", {"user": "ada@example.org", "name": "full"})
    wider = narrow.post("/tokens", {"user": "ada@example.org", "name": "x", "scopes": ["tokens", "view"]})
    full = Program(app.test_client(), made.json["token"])

    assert made.json["scopes"] == ["tokens"]
    assert [full.get(path).status_code for path in ("/patients", "/audit")] == [403, 403]
    assert (wider.status_code, wider.json["errors"][0]["field"]) == (422, "scopes")


@both
def test_a_token_makes_none_that_outlives_it(api, harbor):
    short = api(harbor, "ada", expires_at=NOW + timedelta(days=1))
    usual = short.post("/tokens", {"user": "ada@example.org", "name": "x"})
    longer = short.post(
        "/tokens", {"user": "ada@example.org", "name": "x", "expires_at": "2026-11-30T00:00:00Z"}
    )

    assert usual.json["expires_at"].startswith("2026-11-24T08:00")
    assert (longer.status_code, longer.json["errors"][0]["field"]) == (422, "expires_at")


def test_a_token_ends_in_90_days_unless_it_says_and_in_a_year_at_most(api, harbor):
    ada = api(harbor, "ada")
    usual = ada.post("/tokens", {"user": "ada@example.org", "name": "x"})
    year = {"user": "ada@example.org", "name": "x", "expires_at": "2027-11-23T13:00:00Z"}
    longest = ada.post("/tokens", year)
    longer = ada.post("/tokens", year | {"expires_at": "2027-11-23T13:00:01Z"})

    assert usual.json["expires_at"].startswith("2027-02-21")
    assert (longest.status_code, longer.status_code) == (201, 422)


@both
def test_nobody_makes_a_token_for_another_person(api, harbor):
    ada = api(harbor, "ada")
    answer = ada.post("/tokens", {"user": "rita@example.org", "name": "x"})

    assert (answer.status_code, answer.json["code"]) == (403, "forbidden")
    assert len(ada.get("/tokens").json["items"]) == 1


def test_a_service_account_acts_by_tokens_and_never_overrides(api, harbor, session, app):
    robot = accounts.create_service(session, harbor.command, "Records interface", StaffRole.FRONT_DESK, NOW)
    address = robot.email
    session.commit()
    ada, narrow = api(harbor, "ada"), api(harbor, "ada", scopes=["tokens"])
    made = ada.post("/tokens", {"user": address, "name": "records"})
    refused = narrow.post("/tokens", {"user": address, "name": "records"})
    robots = Program(app.test_client(), made.json["token"])
    wider = ada.post("/tokens", {"user": address, "name": "x", "scopes": ["override"]})

    assert (made.status_code, refused.status_code, wider.status_code) == (201, 403, 422)
    assert (robots.get("/patients").status_code, robots.get("/audit").status_code) == (200, 403)


@pytest.mark.parametrize("role", [StaffRole.ADMIN, StaffRole.MANAGER, StaffRole.PRESCRIBER])
def test_a_service_account_has_no_role_that_overrides(session, harbor, role):
    with pytest.raises(Invalid):
        accounts.create_service(session, harbor.command, "x", role, NOW)
    robot = accounts.create_service(session, harbor.command, "x", StaffRole.NURSE, NOW)
    membership = member(session, robot.id, harbor.clinic.id)
    with pytest.raises(WrongStatus):
        memberships.set_role(session, harbor.actor("ada"), membership, role, NOW)
    with pytest.raises(Invalid):
        accounts.set_password(session, robot, PASSWORD)


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
    answer = ada.post("/tokens", {"user": "ada@example.org", "name": "phone", **change})

    assert answer.json["code"] == "invalid"
    assert len(ada.get("/tokens").json["items"]) == 1


def test_tokens_are_of_one_clinic_and_of_its_members(api, harbor, hill):
    ada, oscar = api(harbor, "ada"), api(hill, "oscar")
    mine = ada.get("/tokens").json["items"][0]["id"]

    assert ada.post("/tokens", {"user": "oscar@example.org", "name": "x"}).status_code == 404
    assert oscar("DELETE", f"/tokens/{mine}").status_code == 404
    assert [one["user"] for one in oscar.get("/tokens").json["items"]] == ["oscar@example.org"]
