"""The banner on every page: a clock that is dead, a way that is blocked, mail that is more than ten minutes late."""

from datetime import timedelta

import pytest

from scheduler.models.message import MessageKind
from scheduler.services import signs_of_life
from scheduler.services.mail import channels, outbox
from tests.cast import NOW


@pytest.fixture
def banner(app, session, harbor, signed_in):
    """Return a function that says what Alice's page warns of; the clock gave a sign of life so long ago."""
    alice = signed_in(harbor, "alice")

    def banner(silent=timedelta(seconds=5)):
        session.rollback()
        wall = app.extensions["clock"].wall() - silent
        for name in signs_of_life.CLOCK:
            signs_of_life.beat(session, name, "here", NOW, wall, "did nothing", seconds=30)
        session.commit()
        page = alice.get("/patients").text
        return page.partition('<div class="alarm"')[2].partition("</div>")[0]

    return banner


def due_since(session, harbor, since):
    session.rollback()
    outbox.enqueue(
        session, harbor.clinic, MessageKind.REMINDER, NOW, patient=harbor.patients["Nora"], due_at=NOW - since
    )
    session.commit()


def test_all_is_well(banner):
    assert banner() == ""


def test_a_clock_that_does_not_tick(banner):
    assert banner(timedelta(seconds=50)) == ""
    assert "the clock process is not running" in banner(timedelta(seconds=70))


def test_mail_that_is_late(session, harbor, banner):
    due_since(session, harbor, timedelta(minutes=9, seconds=59))
    in_time = banner()
    due_since(session, harbor, timedelta(minutes=10, seconds=1))

    assert in_time == ""
    assert "Emails are delayed" in banner()


def test_a_mail_server_that_takes_nothing(session, harbor, banner):
    banner()
    channels.note(session, 3, NOW + timedelta(minutes=2), "connection refused", NOW)
    session.commit()

    assert "The mail server is not accepting email (connection refused)" in banner()
