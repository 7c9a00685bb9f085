"""Clients of the pages, signed in at Harbor or Hill, at NOW."""

from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient

from scheduler.clock import Clock
from scheduler.services.account.accounts import set_password
from tests.cast import NOW, PASSWORD


class Standing:
    """A clock that stands."""

    def now(self) -> datetime:
        return NOW

    def wall(self) -> datetime:
        return NOW


class Later(Clock):
    """A machine's clock that runs ahead: at first to the next hour, so that no stretch of a limit ends in a test."""

    def __init__(self) -> None:
        super().__init__()
        now = datetime.now(UTC)
        self.ahead = now.replace(minute=0, second=1) + timedelta(hours=1) - now

    def wall(self) -> datetime:
        return super().wall() + self.ahead


@pytest.fixture
def later(app):
    """Let the machine's time go by."""
    app.extensions["clock"] = clock = Later()

    def by(**time):
        clock.ahead += timedelta(**time)

    return by


class Stopped:
    """A clock that moves only when a test says so, however slow the machine is."""

    def __init__(self) -> None:
        self.instant = NOW

    def now(self) -> datetime:
        return self.instant

    def wall(self) -> datetime:
        return self.instant


@pytest.fixture
def stopped(app):
    """Let time stand, and go by as the test says."""
    app.extensions["clock"] = clock = Stopped()

    def by(**time):
        clock.instant += timedelta(**time)

    return by


@pytest.fixture
def at_now(app):
    app.extensions["clock"] = Standing()


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
