"""A backup is taken while people book and mail leaves; what comes back from it is whole and sends nothing again.

The restore compares every table's checksum with the backup's. The control lets the restored database send at once,
without putting into doubt what may have left meanwhile.
"""

import signal
from datetime import UTC, datetime

import pytest

from scheduler.app import create_app
from scheduler.database import db
from scheduler.services.mail import restored
from scheduler.services.visit import books
from scheduler.services.visit.books import Faults
from tests.cast import NOW
from tests.chaos.bookers import bookers, figures
from tests.chaos.harness import drill
from tests.chaos.report import tell
from tests.chaos.settings import FULL, SEED, rounds, short_on
from tests.cli.test_backup import backup, restore, tick
from tests.cli.test_users import run
from tests.engines import empty_database, test_settings
from tests.smtp_server import Script, smtp_server

ANSWERS = 150 if FULL else 5  # before the backup, and after it
PATIENCE = 900  # seconds, on a busy machine


@pytest.fixture
def copy(engine_name, shared_folder, tmp_path):
    """Return a function that gives an app on an empty database of the same engine."""
    with empty_database(engine_name, shared_folder, tmp_path) as url:
        offset = tmp_path / "offset"
        offset.write_text(f"{(NOW - datetime.now(UTC)).total_seconds()}")
        app = create_app(test_settings(tmp_path / "copy", url, CLOCK_FILE=str(offset)))
        yield app
        with app.app_context():
            db.session.remove()
            db.engine.dispose()


@pytest.fixture
def second(engine_name, shared_folder, tmp_path):
    """The control's database."""
    folder = tmp_path / "second"
    folder.mkdir()
    with empty_database(engine_name, shared_folder, folder) as url:
        app = create_app(test_settings(folder, url))
        yield app
        with app.app_context():
            db.session.remove()
            db.engine.dispose()


@short_on("postgresql")
def test_backup_under_load(engine_name, forked, app, session, harbor, copy, second, tmp_path, monkeypatch):
    number = rounds(120, 2000)  # fewer would all be claimed before the backup
    file = tmp_path / "all"
    with (
        drill(app, harbor.clinic, tmp_path, lease=30, turns=True) as running,
        bookers(app, session, harbor, tmp_path, 2, SEED) as crew,
    ):
        running.add(number)
        crew.start_all()
        crew.wait_for(ANSWERS, PATIENCE)
        sender = running.start()
        running.script.turns.release(
            5 * number // 2
        )  # about half of the mails leave before the backup is taken
        running.wait_for_mails(number // 3)
        before = len(crew.answered())
        taken = backup(app, file)
        during = len(crew.answered()) - before
        running.script.let_go()
        running.wait_for_mails(number)
        crew.wait_for(ANSWERS, PATIENCE)
        crew.stop()
        running.end(sender, signal.SIGTERM)
        running.wait_until_gone(sender)
        answers = figures(crew.answered())
        left = {one.recipient for one in running.script.received}
    back = restore(copy, file)
    again = left & sent_by(copy)
    with copy.app_context():
        faults = books.faults(db.session(), 1, NOW)
    monkeypatch.setattr(restored, "_doubt", lambda *_: 0)
    restore(second, file)
    planted = left & sent_by(second)
    tell(
        "backup-under-load",
        engine_name,
        {
            "rows": taken["rows"],
            "mails": number,
            "bookings tried": answers["attempts"],
            "of them during the backup": during,
            "checksums that differ": int(back["checksum"] != taken["checksum"]),
            "put into doubt": back["held"],
            "sent again": len(again),
        },
        {"bug": "nothing is put into doubt", "sent again": len(planted)},
    )

    assert back["checksum"] == taken["checksum"]
    assert again == set()
    assert faults == Faults(0, number, 0)  # the crowd's visits never had a chair
    assert back["held"] > 0
    assert len(planted) > 0


def sent_by(app):
    """Let the restored clinic's clock send what it may, once somebody has agreed; return who gets a mail."""
    script = Script()
    with smtp_server(script) as port:
        assert run(app, "clock", "agree").output == "sending resumed\n"
        tick(app, port)
    return {one.recipient for one in script.received}
