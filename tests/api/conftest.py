"""Programs that call the API for the cast."""

from contextvars import Context

import pytest

from scheduler.clock import now
from scheduler.services import accounts


class Program:
    """Calls the API with somebody's token."""

    def __init__(self, client, text):
        self.client = client
        self.headers = {"Authorization": f"Bearer {text}"} if text else {}

    def __call__(self, method, path, body=None, **headers):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {} if body is None else {"json": body}
        return self.client.open(f"/api/v1{path}", method=method, headers={**self.headers, **named}, **sent)

    def get(self, path, **headers):
        return self("GET", path, **headers)

    def post(self, path, body=None, **headers):
        return self("POST", path, body, **headers)


@pytest.fixture
def api(app, session):
    """Return a program for a member of a cast's clinic: api(harbor, "alice")."""

    def program(cast=None, name=None, **options):
        text = None
        if cast is not None:
            actor = cast.command
            text = accounts.create_token(session, actor, cast.users[name], "test", now(), **options)[1]
            session.commit()
        return Program(app.test_client(), text)

    return program


@pytest.fixture
def alice(api, harbor):
    return api(harbor, "alice")


@pytest.fixture
def travel(app):
    """Let the app's clock stand at an instant."""

    class Still:
        def __init__(self):
            self.instant = None

        def now(self):
            return self.instant

    def to(instant):
        app.extensions["clock"] = still = Still()
        still.instant = instant

    return to


def elsewhere(function, *arguments):
    """Call something as another thread of work would: without the test's own context."""
    return Context().run(function, *arguments)
