"""Calendar programs through a visit's life: invited, subscribed, moved, canceled; one right entry at each step.

Thunderbird and evolution-data-server, which is what GNOME Calendar and Evolution keep calendars in, take in the
invitations of the mails and read the feed over HTTP, and the answer that Thunderbird mails confirms the visit. ical.js,
the parser of Thunderbird, reads the same bytes.
"""

import json
import os
import subprocess
import time
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from sqlalchemy import delete

from scheduler.domain.status import Response
from scheduler.models.message import MessageSubject
from scheduler.services.feed import feeds
from scheduler.services.mail import outbox
from scheduler.services.patient.incoming_mail import receive
from scheduler.services.visit import moves, visits
from tests.cast import NOW
from tests.chaos.debian import installed
from tests.clocks import StandingClock
from tests.ical.readers import by_ical_js
from tests.interop.thunderbird import WAIT, Thunderbird
from tests.running import open_url, served
from tests.services.courses import book
from tests.services.mail.sending import calendar_parts, send_due
from tests.smtp_server import Script, smtp_server

CLIENT = Path(__file__).with_name("eds_client.py")
PYTHON = "/usr/bin/python3"  # Debian's, which has the bindings
PACKAGES = ("evolution-data-server", "gir1.2-ecal-2.0", "gir1.2-edataserver-1.2", "python3-gi", "dbus")
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)


class Evolution:
    """The client's process."""

    def __init__(self, folder):
        installed(*PACKAGES)
        self.log = folder / "client.log"
        with self.log.open("w") as log:
            self.process = self._started(folder, log)

    def _started(self, folder, log):
        return subprocess.Popen(
            ["dbus-run-session", "--", PYTHON, str(CLIENT)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
            env={"HOME": str(folder), "XDG_RUNTIME_DIR": str(folder), "PATH": os.defpath, "LANG": "C.UTF-8",
                 "GSETTINGS_BACKEND": "memory", "GIO_USE_VFS": "local"},
        )  # fmt: skip

    def ask(self, do, **more):
        self.process.stdin.write(json.dumps({"do": do, **more}) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        assert answer, self.log.read_text()
        return [tuple(one) for one in json.loads(answer)]

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(30)


@pytest.fixture
def evolution(tmp_path):
    folder = tmp_path / "evolution"
    folder.mkdir()
    client = Evolution(folder)
    yield client
    client.close()


@pytest.fixture
def answers():
    """What Thunderbird mails."""
    return Script()


@pytest.fixture
def thunderbird(tmp_path, answers):
    folder = tmp_path / "thunderbird"
    folder.mkdir()
    with smtp_server(answers) as port:
        client = Thunderbird(folder, port)
        yield client
        client.close()


@pytest.fixture
def address(app):
    app.extensions["clock"] = StandingClock(NOW)
    with served(app) as url:
        yield url


def entry(visit):
    status = "CANCELLED" if visit.cancelled_at else "TENTATIVE" if visit.status == "pending" else "CONFIRMED"
    return (visit.uid, int(visit.start_at.timestamp()), status, visit.sequence)


def shown(course):
    """Return the visits that a patient's feed shows."""
    return [one for one in course if one.status != "proposed" and "call" not in one.kind]


def in_mail(session, now):
    """Return the calendar of the only mail that is due."""
    [mail] = send_due(session, now)
    [part] = calendar_parts(mail)
    return part.get_payload(decode=True)


def by_thunderbirds_parser(body):
    [found] = by_ical_js(body)
    return [(uid, int(one.start.timestamp()), one.status, one.sequence) for uid, one in found.items()]


def answered(answers):
    """Return the first answer that comes."""
    last = time.monotonic() + WAIT
    while not answers.accepted and time.monotonic() < last:
        time.sleep(0.1)
    return answers.accepted[0].content


@pytest.mark.timeout(600)
def test_one_right_entry_at_each_step(app, session, harbor, address, evolution, thunderbird, answers):
    alice = harbor.actor("alice")
    course = book(session, harbor).appointments
    visit = next(one for one in course if one.action == "therapy-6")
    session.execute(delete(MessageSubject))  # rows of the mail about the whole course
    outbox.tell(session, harbor.clinic, [visit], NOW)
    invited = in_mail(session, NOW + 5 * MINUTE)
    assert evolution.ask("receive", calendar=invited.decode()) == [entry(visit)]
    assert thunderbird.receive(invited.decode(), "REQUEST") == ("REQUEST", [entry(visit)])
    assert receive(session, answered(answers), NOW + 6 * MINUTE) == "accepted"
    assert visit.response is Response.ACCEPTED
    assert by_thunderbirds_parser(invited) == [entry(visit)]

    _, token = feeds.create(session, alice, visit.patient.resource_id, "neutral", NOW)
    session.commit()
    path = f"/feeds/{token}.ics"
    evolution.ask("subscribe", port=urlsplit(address).port, path=path)
    expected = sorted(map(entry, shown(course)))
    assert sorted(evolution.ask("refresh")) == expected
    assert sorted(thunderbird.subscribe(f"{address}{path}")) == expected

    planned = moves.plan_move(session, alice, visit, visit.start_at + timedelta(hours=1), NOW + DAY)
    moves.apply_moves(session, alice, planned, NOW + DAY)
    moved = in_mail(session, NOW + DAY + 5 * MINUTE)
    session.commit()
    expected = sorted(map(entry, shown(course)))
    assert evolution.ask("receive", calendar=moved.decode()) == [entry(visit)]
    assert thunderbird.receive(moved.decode(), "REQUEST") == ("REQUEST:UPDATE", [entry(visit)])
    assert visit.response is Response.NEEDS_ACTION
    assert by_thunderbirds_parser(moved) == [entry(visit)]
    assert sorted(evolution.ask("refresh")) == expected
    assert sorted(thunderbird.refresh()) == expected
    offered, events = thunderbird.receive(invited.decode(), "REQUEST")  # an old mail is opened again
    assert (offered.partition(":")[0], events) == ("none", [entry(visit)])

    visits.cancel(session, alice, [visit], NOW + 2 * DAY)
    canceled = in_mail(session, NOW + 2 * DAY + 5 * MINUTE)
    session.commit()
    expected = sorted(map(entry, shown(course)))
    assert evolution.ask("receive", calendar=canceled.decode()) == []
    assert thunderbird.receive(canceled.decode(), "CANCEL") == ("CANCEL", [])
    assert by_thunderbirds_parser(canceled) == [entry(visit)]
    assert sorted(evolution.ask("refresh")) == expected
    assert sorted(thunderbird.refresh()) == expected
    with open_url(f"{address}{path}") as answer:
        assert sorted(by_thunderbirds_parser(answer.read())) == expected
