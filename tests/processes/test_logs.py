"""How the clock and the worker log: one line a record, the time in UTC first, and nothing of a patient."""

import re
import subprocess
import sys

import pytest
from sqlalchemy.exc import IntegrityError

from scheduler.processes.logs import Formatter
from tests.engines import SECRET_KEY, both
from tests.running import ROOT

LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (DEBUG|INFO|WARNING|ERROR|CRITICAL) [\w.]+: .+")
PROGRAM = """
import logging
from scheduler.app import create_app
from scheduler.processes.logs import set_up
app = create_app()
set_up(app)
logging.getLogger("scheduler.processes.clock_jobs").warning("job %s failed", "digest")
app.logger.error("of the app")
logging.getLogger("a.library").error("opened /feeds/abcdefgh.ics")
logging.getLogger("scheduler.processes").debug("too little to be told")
"""


def test_every_record_is_a_line_with_its_time_whoever_wrote_it(database_url, tmp_path):
    environ = {
        "APP_ENV": "test",
        "INSTANCE_PATH": str(tmp_path),
        "DATABASE_URL": database_url,
        "SECRET_KEY": SECRET_KEY,
        "TZ": "America/New_York",
    }
    found = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, env=environ, capture_output=True, text=True, check=True
    )
    lines = found.stderr.splitlines()

    assert [line for line in lines if not LINE.fullmatch(line)] == []
    assert [line.partition("Z ")[2] for line in lines] == [
        "WARNING scheduler.processes.clock_jobs: job digest failed",
        "ERROR scheduler: of the app",
        "ERROR a.library: opened /feeds/[hidden]",
    ]


@both
def test_a_traceback_shows_no_value_of_a_row(session, harbor):
    """PostgreSQL names the value that is there twice."""
    harbor.users["mona"].email = harbor.users["ada"].email
    try:
        session.flush()
    except IntegrityError:
        told = Formatter().formatException(sys.exc_info())
    session.rollback()

    assert "IntegrityError" in told
    assert harbor.users["ada"].email not in told


@pytest.mark.parametrize("name", ["clock", "worker"])
def test_the_processes_log_their_start_and_end_with_the_time(system, name):
    system.commands["worker"] = [sys.executable, "-m", "flask", "worker"]
    system.start(name)
    system.wait(lambda: LINE.search(system.log(name).read_text()))
    system.stop(name)
    lines = system.log(name).read_text().splitlines()

    assert lines[-1].endswith("has stopped")
    assert all(
        LINE.fullmatch(line) for line in lines if line.endswith(("has stopped", "ticks", "waits for jobs"))
    )
