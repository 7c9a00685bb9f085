import pytest

from scheduler.models.message import MessageKind
from scheduler.services import private_links
from scheduler.services.mail import outbox
from tests.calendar_cast import NOW, make_clinic, make_patient, make_visit
from tests.clocks import StandingClock
from tests.engines import SECRET_KEY


@pytest.fixture(autouse=True)
def at(app):
    """The app's clock, which the test may set."""
    app.extensions["clock"] = StandingClock(NOW)
    return app.extensions["clock"]


@pytest.fixture
def clinic(session):
    return make_clinic(session)


@pytest.fixture
def ana(session, clinic):
    return make_patient(session, clinic, email_ok=True)


@pytest.fixture
def visit(session, clinic, ana):
    """Ana's visit on Monday the 9th of March, 09:00 in New York, a week ahead."""
    return make_visit(session, clinic, ana, "2026-03-09T09:00", uid="v1")


@pytest.fixture
def token(session, clinic, ana, visit):
    """The token of the mail that told of the visit."""
    return mailed(session, clinic, ana, [visit])


def mailed(
    session, clinic, patient, visits, kind=MessageKind.CONFIRMATION, purpose=private_links.VISITS, now=NOW
):
    message = outbox.enqueue(session, clinic, kind, now, patient=patient, about=visits)
    token = private_links.page_token((SECRET_KEY,), message, purpose)
    session.commit()
    return token


def mark_in(answer, name="mark"):
    """Return the mark of the first form of a page."""
    text = answer.get_data(as_text=True)
    assert f'name="{name}" value="' in text
    return text.split(f'name="{name}" value="')[1].split('"')[0]
