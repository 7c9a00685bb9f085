from datetime import timedelta

import pytest
from sqlalchemy import select

from scheduler.models.api_token import ApiToken
from tests.cast import NOW
from tests.engines import both


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer x", "Basic YTpi", "Bearer seriate_x y", "Bearer \xff"]
)
def test_without_a_token_in_force_there_is_nothing(api, harbor, header):
    program = api()
    headers = {} if header is None else {"Authorization": header}
    answer = program.get("/patients", **headers)

    assert (answer.status_code, answer.mimetype) == (401, "application/problem+json")
    assert answer.json["code"] == "unauthenticated"
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="seriate"'


def test_an_expired_token_is_refused(api, harbor, travel):
    alice = api(harbor, "alice", expires_at=NOW + timedelta(seconds=1))
    travel(NOW + timedelta(seconds=1))

    assert alice.get("/patients").status_code == 401


def test_a_role_without_the_permission_is_told_which(api, harbor):
    answer = api(harbor, "rita").post("/patients", {"given_name": "Zoe", "family_name": "Li"})

    assert (answer.status_code, answer.json["code"], answer.json["permission"]) == (
        403,
        "forbidden",
        "patients",
    )


@both
def test_the_use_of_a_token_is_noted_now_and_then(api, harbor, session):
    alice = api(harbor, "alice")
    alice.get("/patients")
    session.expire_all()
    first = session.scalar(select(ApiToken.last_used_at))
    alice.post("/patients", {"given_name": "Zoe", "family_name": "Li"})
    session.expire_all()

    assert first == NOW
    assert session.scalar(select(ApiToken.last_used_at)) == first


def test_an_address_that_the_api_does_not_have_is_a_problem(api, harbor):
    answer = api(harbor, "alice").get("/moon")
    wrong = api(harbor, "alice")("DELETE", "/patients")

    assert (answer.status_code, answer.json["code"]) == (404, "not-found")
    assert (wrong.status_code, wrong.json["code"]) == (405, "method-not-allowed")
    assert set(wrong.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "POST"}
