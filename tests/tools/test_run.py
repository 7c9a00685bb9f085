"""`make run` as a person sees it: started, looked at from a second terminal, ended by Ctrl-C."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import config
from scheduler.models.clinic import Clinic
from tests.engines import both
from tests.running import open_url
from tools import processes

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def environ(database_url, session, tmp_path):
    """A terminal whose database has a clinic already: the demo's own takes a minute to play."""
    session.add(Clinic(key="harbor", name="Harbor", zone_name="America/New_York"))
    session.commit()
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return {
        **kept,
        "INSTANCE_PATH": str(tmp_path / "instance"),
        "DATABASE_URL": database_url,
        "PORT": str(processes.free_port()),
    }


@pytest.fixture
def demo(environ):
    running = start(environ)
    yield running
    if running.poll() is None:
        running.send_signal(signal.SIGTERM)
    running.wait(30)
    running.stdout.close()


@both
def test_it_greets_answers_and_ends_with_all_its_processes(environ, demo):
    said = read_until(demo, "Stop ")
    address = f"http://127.0.0.1:{environ['PORT']}"

    assert f"  Seriate is at  {address}\n" in said
    assert f"  Open mailbox   {address}/demo/mailbox\n" in said
    assert open_url(f"{address}/healthz", timeout=30).status == 200
    started = children(demo.pid)
    assert len(started) >= 3

    demo.send_signal(signal.SIGINT)

    assert demo.wait(30) == 0
    assert [process for process in started if alive(process)] == []


def test_a_second_terminal_cannot_take_its_port_and_a_process_that_dies_ends_the_others(environ, demo):
    read_until(demo, "Stop ")
    sees_the_same_settings(environ)
    cannot_take_the_port(environ)
    assert demo.poll() is None
    started = children(demo.pid)
    clock = next(process for process, command in started.items() if command.endswith("-m flask clock"))

    os.kill(clock, signal.SIGKILL)

    assert "seriate: a process ended by itself; its lines are above.\n" in demo.communicate(timeout=30)[0]
    assert demo.returncode == 1
    assert [process for process in started if alive(process)] == []


def sees_the_same_settings(environ):
    second = {name: environ[name] for name in ("INSTANCE_PATH",)}
    seen = config.load(second)

    assert (seen.app_env, seen.database_url) == ("demo", environ["DATABASE_URL"])
    assert seen.public_url == f"http://127.0.0.1:{environ['PORT']}"
    assert flask(environ | second, "status").returncode == 0


def cannot_take_the_port(environ):
    kept = (Path(environ["INSTANCE_PATH"]) / "env").read_text()
    another, port = start(environ), int(environ["PORT"])

    assert another.communicate(timeout=60)[0] == (
        f"seriate: port {port} is in use: stop what uses it, or take another: PORT={port + 1} make run\n"
    )
    assert another.returncode == 1
    assert (Path(environ["INSTANCE_PATH"]) / "env").read_text() == kept


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"APP_ENV": "production"}, "APP_ENV is production, and `make run` runs the demo: unset it."),
        ({"PORT": "eighty"}, "PORT must be a whole number from 1 to 65535"),
        (
            {"SMTP_URL": "smtp://mail.example"},
            "SMTP_URL must be on this machine: a demo or a test sends no email elsewhere",
        ),
    ],
)
def test_what_cannot_run_is_one_line(tmp_path, change, words):
    refused = start({"PATH": os.environ["PATH"], "INSTANCE_PATH": str(tmp_path), **change})

    assert refused.communicate(timeout=60)[0] == f"seriate: {words}\n"
    assert refused.returncode == 1
    assert not (tmp_path / "env").exists()


def start(environ):
    return subprocess.Popen(
        [sys.executable, "-m", "tools.run"],
        cwd=ROOT,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def read_until(process, words):
    """Return what the process says up to the line with these words; the test's own limit ends a wait in vain."""
    said = ""
    for line in process.stdout:
        said += line
        if words in line:
            return said
    raise AssertionError(f"it ended before it said {words!r}:\n{said}")


def flask(environ, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "flask", *arguments], cwd=ROOT, env=environ, capture_output=True, check=False
    )


def children(parent):
    """Return the live processes below this one, whatever their depth: their commands by their ids."""
    rows = processes_now()
    found, parents = {}, {parent}
    while parents:
        below = {own: command for own, (above, command) in rows.items() if above in parents}
        parents = set(below)
        found |= below
    return found


def alive(process):
    return process in processes_now()


def processes_now():
    """Read parent and command of every process from Linux; a zombie has ended."""
    rows = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if state != "Z":
            rows[int(folder.name)] = (int(parent), command)
    return rows
