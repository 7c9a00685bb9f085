"""Clients of the pages, signed in at Harbor or Hill, at NOW."""

from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from scheduler.services.account.accounts import set_password
from tests.cast import PASSWORD
from tests.clocks import StandingClock


@pytest.fixture
def later(app):
    """Return what lets time pass; until then it is NOW, however slow the machine is."""
    app.extensions["clock"] = clock = StandingClock()

    def by(**time):
        clock.time += timedelta(**time)

    return by


@pytest.fixture
def at_now(app):
    app.extensions["clock"] = StandingClock()


@pytest.fixture
def signed_in(app, session, at_now):
    """Return a client that is signed in as somebody of a cast. Its forms need no token unless a test turns that on."""

    def signed_in(cast, name: str) -> FlaskClient:
        app.config["WTF_CSRF_ENABLED"] = False
        set_password(session, cast.users[name], PASSWORD)
        session.commit()
        client, email = app.test_client(), cast.users[name].email
        session.rollback()  # a reader that began before a request may not write after it on SQLite
        answer = client.post("/login", data={"email": email, "password": PASSWORD})
        assert answer.status_code == 302
        return client

    return signed_in


@pytest.fixture
def course(nora_course):
    return nora_course
