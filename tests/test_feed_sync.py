"""A subscriber as people run one: vdirsyncer fetches a live feed over HTTP, khal shows what came."""

import os
import subprocess
import sys
from pathlib import Path

import icalendar
import pytest

from scheduler.services.feed import feeds
from scheduler.services.visit import moves, visits
from tests.cast import NOW
from tests.clocks import StandingClock
from tests.running import served
from tests.services.courses import book

PAIR = """
[general]
status_path = "{folder}/status/"
[pair visits]
a = "there"
b = "here"
collections = null
conflict_resolution = "a wins"
[storage there]
type = "http"
url = "{url}"
[storage here]
type = "filesystem"
path = "{folder}/calendar/"
fileext = ".ics"
"""
KHAL = """
[calendars]
[[visits]]
path = {folder}/calendar
[locale]
local_timezone = America/New_York
default_timezone = America/New_York
timeformat = %H:%M
dateformat = %Y-%m-%d
datetimeformat = %Y-%m-%d %H:%M
longdateformat = %Y-%m-%d
longdatetimeformat = %Y-%m-%d %H:%M
[sqlite]
path = {folder}/khal.db
"""


@pytest.fixture
def address(app):
    """The address of the app, served in a thread, at a time that stands still."""
    app.extensions["clock"] = StandingClock(NOW)
    with served(app) as url:
        yield url


class Subscriber:
    def __init__(self, folder):
        self.folder = folder
        (folder / "calendar").mkdir()
        (folder / "khal.conf").write_text(KHAL.format(folder=folder))

    def subscribe(self, url):
        (self.folder / "vdirsyncer.conf").write_text(PAIR.format(folder=self.folder, url=url))
        self.run("vdirsyncer", "discover", conf="vdirsyncer.conf")

    def sync(self, expect=0):
        return self.run("vdirsyncer", "sync", conf="vdirsyncer.conf", expect=expect)

    def has(self):
        """Return what the subscriber keeps: (start, status, sequence) of each visit.

        vdirsyncer gives what comes over HTTP a uid of its own, from the content.
        """
        events = (
            event
            for path in (self.folder / "calendar").glob("*.ics")
            for event in icalendar.Calendar.from_ical(path.read_bytes()).events
        )
        return sorted((e.start, str(e["status"]), int(e["sequence"])) for e in events)

    def lists(self):
        """Return what khal shows: a line for each visit."""
        shown = ("list", "--format", "{start-date} {start-time} {title}", "--day-format", "")
        text = self.run("khal", *shown, "2026-11-23", "200d", conf="khal.conf")
        return [line.strip() for line in text.splitlines() if line.strip()]

    def run(self, program, *arguments, conf, expect=0):
        done = subprocess.run(
            [Path(sys.executable).with_name(program), "-c", self.folder / conf, *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            env={**os.environ, "HOME": str(self.folder), "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"},
        )
        assert done.returncode == expect, done.stdout + done.stderr
        return done.stdout


def stand(care_plan):
    return sorted(
        (one.start_at, "CANCELLED" if one.cancelled_at else "CONFIRMED", one.sequence)
        for one in care_plan.appointments
    )


def test_a_subscriber_follows_a_course_from_booking_to_rotation(session, harbor, address, tmp_path):
    alice = harbor.actor("alice")
    care_plan = book(session, harbor, "therapy-6")
    feed, token = feeds.create(session, alice, care_plan.patient.resource_id, "neutral", NOW)
    session.commit()
    subscriber = Subscriber(tmp_path)
    subscriber.subscribe(f"{address}/feeds/{token}.ics")

    subscriber.sync()
    assert subscriber.has() == stand(care_plan)
    assert subscriber.lists() == [
        f"{one.start_at.astimezone(harbor.clinic.zone):%Y-%m-%d %H:%M} Appointment"
        for one in care_plan.appointments
    ]

    first, last = care_plan.appointments[0], care_plan.appointments[-1]
    sooner = first.start_at.replace(hour=first.start_at.hour + 1)
    moves.apply_moves(session, alice, moves.plan_move(session, alice, first, sooner, NOW), NOW)
    visits.cancel(session, alice, [last], NOW)
    session.commit()
    subscriber.sync()
    assert subscriber.has() == stand(care_plan)
    assert (sooner, "CONFIRMED", 1) in subscriber.has()
    assert (last.start_at, "CANCELLED", 1) in subscriber.has()
    assert f"{sooner.astimezone(harbor.clinic.zone):%Y-%m-%d %H:%M} Appointment" in subscriber.lists()
    assert any(line.endswith("Canceled: Appointment") for line in subscriber.lists())

    kept = subscriber.has()
    _, fresh = feeds.rotate(session, alice, feed, NOW)
    session.commit()
    subscriber.sync(expect=1)
    assert subscriber.has() == kept
    subscriber.subscribe(f"{address}/feeds/{fresh}.ics")
    subscriber.sync()
    assert subscriber.has() == kept
