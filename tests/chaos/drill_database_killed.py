"""The database is killed while people book: what was answered is there, and nothing that was not.

PostgreSQL runs in a folder of the drill's own; all its processes are killed at once, again and again, and it is started
anew. Whoever lost an answer asks again with the same key. The control is a server that answers before it has written
(synchronous_commit off).
"""

import random
import shutil
import tempfile
import time
from pathlib import Path

import pytest

from scheduler.database import db
from scheduler.services.visit import books
from tests.cast import NOW, add_place
from tests.chaos.bookers import Bookers, bookers, figures
from tests.chaos.own_server import own_server
from tests.chaos.report import tell
from tests.chaos.settings import FULL, SEED, rounds
from tests.engines import migrate

FORGETFUL = {"synchronous_commit": "off", "wal_writer_delay": "10s", "wal_writer_flush_after": "1GB"}


@pytest.fixture
def server():
    folder = Path(tempfile.mkdtemp(prefix="seriate-pg-"))  # a path short enough for a socket
    with own_server(folder) as running:
        yield running
    shutil.rmtree(folder)


@pytest.fixture
def database_url(server, tmp_path):
    url = server.create("drill")
    migrate(url, tmp_path)
    return url


def test_database_killed(server, app, session, harbor, tmp_path):
    number = rounds(1, 20)
    add_place(session, harbor, "Room B", "room")
    with bookers(app, session, harbor, tmp_path, 2, SEED) as crew:
        back = kill_again_and_again(server, crew, number)
        lost, unknown = crew.lost()
        found = figures(crew.answered())
    wrong = books.faults(session, harbor.clinic.id, NOW).any
    server.set(**FORGETFUL)
    tell(
        "database-killed",
        "postgresql",
        {"kills": number, **found, "lost": lost, "unanswered": unknown, "most seconds to be back": back},
        {"bug": "answers before it has written", "lost": forgetful(server, app, session, harbor, tmp_path)},
    )

    assert (lost, unknown, wrong) == (0, 0, False)
    assert found["done"] > 0


def kill_again_and_again(server, crew, number):
    """Kill the server in the middle of bookings; return the longest that anybody waited for the next answer."""
    chance = random.Random(SEED)
    longest = 0.0
    crew.start_all()
    for _ in range(number):
        crew.wait_for(chance.randrange(4, 30))
        time.sleep(chance.uniform(0, 0.1))
        server.kill()
        began = time.monotonic()
        server.start()
        crew.wait_for(1)
        longest = max(longest, time.monotonic() - began)
    crew.stop()
    db.engine.dispose()  # its connections have gone with the server
    return round(longest, 1)


def forgetful(server, app, session, harbor, folder):
    """Return how many answers are lost when the server writes later than it answers; it may take some kills."""
    for attempt in range(5):
        place = folder / f"control-{attempt}"
        place.mkdir()
        crew = Bookers(app, session, harbor, place, 2, f"{SEED}-control-{attempt}")
        try:
            kill_again_and_again(server, crew, 2 if FULL else 1)
            lost, _ = crew.lost()
        finally:
            crew.close()
        if lost:
            return lost
    raise AssertionError("a server that forgets loses nothing: the drill proves nothing")
