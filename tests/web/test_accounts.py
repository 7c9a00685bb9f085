import re

import pytest
from flask_security import login_user
from werkzeug.exceptions import HTTPException

from scheduler.clock import now
from scheduler.errors import NotFound
from scheduler.models.clinic import Clinic
from scheduler.models.user import Membership, StaffRole
from scheduler.services.account.accounts import create_user, set_password
from scheduler.web import current
from tests.engines import both

PASSWORD = "a quiet cup of tea"


@pytest.fixture
def alice(session):
    clinic = Clinic(key="harbor", name="Harbor", zone_name="America/New_York")
    session.add(clinic)
    session.flush()
    alice = create_user(session, clinic, "Alice@Example.org", StaffRole.FRONT_DESK, now())
    set_password(session, alice, PASSWORD)
    session.commit()
    return alice


@both
def test_a_person_signs_in_with_address_and_password(client, alice):
    answer = sign_in(client, "alice@example.org", PASSWORD)

    assert (answer.status_code, answer.location) == (302, "/")
    with client.session_transaction() as kept:
        assert kept["_user_id"] == alice.fs_uniquifier


@pytest.mark.parametrize(
    ("email", "password"), [("alice@example.org", "a quiet cup of coffee"), ("nobody@example.org", PASSWORD)]
)
def test_a_wrong_address_and_a_wrong_password_answer_the_same(client, alice, email, password):
    answer = sign_in(client, email, password)

    assert answer.status_code == 200
    assert "Incorrect email or password." in answer.text


def test_signing_in_needs_a_token_of_the_form(client, alice):
    answer = client.post("/login", data={"email": "alice@example.org", "password": PASSWORD})

    assert answer.status_code == 400


def test_a_get_does_not_sign_out(client, alice):
    sign_in(client, "alice@example.org", PASSWORD)

    assert client.get("/logout").status_code == 405


def test_passwords_are_argon2id(alice):
    assert alice.password.startswith("$argon2id$")


def test_a_token_of_flask_security_opens_nothing(app, alice):
    token = alice.get_auth_token()
    headers = {"Authentication-Token": token}
    with app.test_request_context(headers=headers), pytest.raises(HTTPException) as caught:
        current.actor()

    assert caught.value.get_response().status_code == 303


def test_a_new_password_ends_the_sessions_of_the_former(client, session, alice):
    sign_in(client, "alice@example.org", PASSWORD)
    assert client.get("/login").status_code == 302
    set_password(session, alice, "another cup of tea")
    session.commit()

    assert client.get("/login").status_code == 200  # the signed-in are sent on


def test_the_first_clinic_counts_until_another_is_chosen(app, session, alice):
    other = Clinic(key="hill", name="Hill", zone_name="Europe/Berlin")
    session.add(other)
    session.flush()
    session.add(Membership(clinic_id=other.id, user_id=alice.id, role=StaffRole.NURSE))
    session.commit()
    with app.test_request_context():
        login_user(alice)
        first = current.actor()
        current.choose_clinic(other.public_id)
        second = current.actor()
        with pytest.raises(NotFound):
            current.choose_clinic("nowhere")

    assert (first.clinic.key, first.role) == ("harbor", StaffRole.FRONT_DESK)
    assert (second.clinic.key, second.role) == ("hill", StaffRole.NURSE)


def sign_in(client, email, password):
    page = client.get("/login").text
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page).group(1)
    form = {"email": email, "password": password, "csrf_token": token}
    return client.post("/login", data=form)
