"""Programs that call the API for the cast. The app's clock stands at NOW unless a test travels."""

from datetime import date

import pytest
from sqlalchemy import event, select

from scheduler.database import begin_write, db
from scheduler.models.care_plan import CarePlan
from scheduler.models.user import StaffRole
from scheduler.services.account import accounts
from tests.cast import NOW, cast_of, hire, stored
from tests.clocks import StandingClock
from tests.engines import scene
from tests.services.courses import book

TUESDAY = date(2026, 11, 24)


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
def travel(app):
    """Let the app's clock stand at an instant."""

    def to(instant):
        app.extensions["clock"] = StandingClock(instant)

    return to


@pytest.fixture
def api(app, session, travel):
    """Return a program for a member of a cast's clinic: api(harbor, "alice")."""
    travel(NOW)

    def program(cast=None, name=None, **options):
        text = None
        if cast is not None:
            session.rollback()  # what the test has read so far may be older than what requests wrote
            begin_write(session)
            text = accounts.create_token(session, cast.command, cast.users[name], "test", NOW, **options)[1]
            session.commit()
        return Program(app.test_client(), text)

    return program


@pytest.fixture
def alice(api, harbor):
    return api(harbor, "alice")


@pytest.fixture
def paul(api, session, harbor):
    """A prescriber, who may complete and override every requirement of the shipped protocols."""
    session.rollback()
    hire(session, harbor, "paul", StaffRole.PRESCRIBER)
    session.commit()
    return api(harbor, "paul")


@pytest.fixture
def wishes(harbor):
    """Return what Nora wishes, with changes."""

    def make(plan="iv-depression-6", **changes):
        nora = harbor.patients["Nora"].public_id
        return {"patient_id": nora, "plan_definition": plan, "not_before": TUESDAY.isoformat(), **changes}

    return make


@scene("booked_from_tuesday")
def build_course(session):
    book(session, cast_of(session, "harbor"), not_before=TUESDAY)


@pytest.fixture
def booked_from_tuesday(session, harbor):
    """Nora's course from the day after NOW, committed."""
    return stored(
        session, session.scalars(select(CarePlan).where(CarePlan.clinic_id == harbor.clinic.id)).one()
    )


@pytest.fixture
def course(booked_from_tuesday, alice):
    """Nora's booked course, as the API shows it."""
    return alice.get(f"/care-plans/{booked_from_tuesday.public_id}").json


@pytest.fixture
def counted(app):
    """Return a function that calls another and counts the queries."""

    def count(ask):
        seen = []

        def listen(*arguments):
            seen.append(arguments[2])

        event.listen(db.engine, "before_cursor_execute", listen)
        ask()
        event.remove(db.engine, "before_cursor_execute", listen)
        return len(seen)

    return count
