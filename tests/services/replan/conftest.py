"""A closed day with the courses of four patients, and what works on it."""

import pytest
from sqlalchemy import select

from scheduler.database import begin_write
from scheduler.models.message import Message, MessageState
from tests.cast import NOW, add_patient
from tests.clocks import StandingClock
from tests.services.courses import book, visit
from tests.services.replan.broken_days import NAMES, close_day


@pytest.fixture
def clock(app):
    app.extensions["clock"] = StandingClock()
    return app.extensions["clock"]


@pytest.fixture
def courses(session, harbor):
    """Courses of four patients, as the front desk books them one after the other."""
    for name in NAMES:
        add_patient(session, harbor, name, "Ortiz", email=f"{name.lower()}@example.com")
    booked = {name: book(session, harbor, patient=name) for name in ("Nora", *NAMES)}
    for message in session.scalars(select(Message)):
        message.state, message.data_at, message.ended_at = MessageState.SENT, NOW, NOW
    session.commit()
    return booked


@pytest.fixture
def do(session):
    """Call a service in a transaction of its own."""

    def do(service, *arguments, **more):
        session.rollback()
        begin_write(session)
        answer = service(session, *arguments, **more)
        session.commit()
        return answer

    return do


@pytest.fixture
def storm(do, session, harbor, courses):
    """Close the clinic on the day of the first infusion, and ask for a re-plan."""
    infusion = visit(courses["Nora"], "infusion-1")
    return close_day(do, session, harbor, infusion.local_start.date())
