"""What a process of the `flask` command imports: a command that serves nothing starts without pages and API."""

import os
import sqlite3
import subprocess
import sys

import click
import pytest

from scheduler.app import create_app
from scheduler.services.schema import newest
from tests.engines import SECRET_KEY, migrate, test_settings

INTERFACES = {
    "scheduler.web",
    "scheduler.api",
    "scheduler.fhir",
    "scheduler.patient_pages",
    "scheduler.feeds",
}
RARE = {"aiosmtpd", "alembic", "apscheduler", "fhir", "jsonschema", "zxcvbn"}  # used by a command or two
REPORT = """
import atexit, runpy, sys
atexit.register(lambda: print("MODULES", *sorted(sys.modules), file=sys.stderr))
sys.argv = ["flask", "--app", "wsgi:app", *sys.argv[1:]]
runpy.run_module("flask", run_name="__main__")
"""


def start(folder, *arguments):
    """Run a command of `flask` in a process of its own; return its output and the names of what it imported."""
    environment = {
        **os.environ,
        "APP_ENV": "test",
        "INSTANCE_PATH": str(folder),
        "DATABASE_URL": f"sqlite:///{folder}/seriate.db",
        "SECRET_KEY": SECRET_KEY,
    }
    done = subprocess.run(
        [sys.executable, "-c", REPORT, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    [modules] = [line for line in done.stderr.splitlines() if line.startswith("MODULES ")]
    return done.stdout, set(modules.split()[1:])


def test_a_command_imports_no_interface(tmp_path):
    output, modules = start(tmp_path, "clock", "--help")

    assert "clock [OPTIONS]" in output
    assert modules & INTERFACES == set()
    assert modules & RARE == set()


def test_a_command_that_migrates_is_listed_and_runs(tmp_path, database_url):
    app = create_app(test_settings(tmp_path, database_url), interfaces=False)
    assert "db" in app.cli.list_commands(click.Context(app.cli))
    empty = tmp_path / "empty"
    modules = start(empty, "db", "upgrade")[1]

    assert "alembic" in modules
    assert modules & INTERFACES == set()
    with sqlite3.connect(empty / "seriate.db") as database:
        assert database.execute("SELECT version_num FROM alembic_version").fetchone() == (newest(),)


@pytest.mark.parametrize("command", [["web", "--help"], ["routes"]])
def test_a_command_that_serves_or_lists_pages_has_every_interface(tmp_path, command):
    modules = start(tmp_path, *command)[1]

    assert modules >= INTERFACES
    assert "aiosmtpd" not in modules  # the demo's mail server


def test_a_server_that_is_a_click_command_has_every_interface(tmp_path):
    """uvicorn is one, and imports the app while its command runs."""
    database = f"sqlite:///{tmp_path}/seriate.db"
    environment = {**os.environ, "APP_ENV": "test", "INSTANCE_PATH": str(tmp_path), "SECRET_KEY": SECRET_KEY}
    migrate(database, tmp_path)
    program = (
        "import click, sys\nwith click.Context(click.Command('serve')): import wsgi\nprint(*sys.modules)"
    )
    served = subprocess.run(
        [sys.executable, "-c", program],
        env=environment | {"DATABASE_URL": database},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )

    assert set(served.stdout.split()) >= INTERFACES
