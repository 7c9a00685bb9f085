"""Seriate as it runs: `live_server` for pages alone, `running` for the whole system in processes of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from urllib.request import ProxyHandler, build_opener

import pytest

from scheduler.app import create_app
from scheduler.http import server
from tests import forked
from tests.browser import Desks
from tests.clocks import NOW, travel
from tests.engines import SECRET_KEY, share_what_is_compiled, test_settings
from tools import processes

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 60  # seconds for a process to come up while other tests have the cores
open_url = build_opener(ProxyHandler({})).open  # this machine is never behind a proxy


@contextmanager
def served(app: WSGIApplication, port: int = 0) -> Iterator[str]:
    """Serve an application with the product's own web server in a thread; give the address."""
    ending = threading.Event()
    with server.listen(processes.LOOPBACK, port) as listening:
        own = server.make(app, listening)
        thread = threading.Thread(target=own.serve, args=[ending.is_set])
        thread.start()
        yield f"http://{processes.LOOPBACK}:{listening.getsockname()[1]}"
        ending.set()
        own.pull_trigger()
        thread.join()
        own.close()  # the pipe that wakes its loop


@pytest.fixture
def live_server(database_url: str, tmp_path: Path, desks: Desks) -> Iterator[str]:
    """Serve this test's database in a thread; give the address. No clock and no mail run beside it.

    It is NOW, unless the file `clock` in the test's folder holds another offset of its time, in seconds.
    """
    port = str(processes.free_port())
    clock_file = tmp_path / "clock"
    if not clock_file.exists():
        travel(clock_file, NOW)
    app = create_app(test_settings(tmp_path, database_url, PORT=port, CLOCK_FILE=str(clock_file)))
    share_what_is_compiled(app)
    with served(app, int(port)):
        yield app.config["SETTINGS"].public_url
        desks.close()


@dataclass
class Running:
    """Web, clock and mail processes over one database, with a clock that a test can set."""

    folder: Path
    environ: dict[str, str]
    commands: dict[str, list[str]]
    open: Callable[[list[str], dict[str, str], Path], Any] = forked.run
    processes: dict[str, Any] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return self.environ["PUBLIC_URL"]

    def start(self, *names: str) -> None:
        for name in names or self.commands:
            self.processes[name] = self.open(self.commands[name], self.environ, self.log(name))

    def stop(self, *names: str) -> None:
        """End processes as an operator would, and wait for them."""
        chosen = [self.processes.pop(name) for name in names or tuple(self.processes)]
        for process in chosen:
            process.terminate()
        for process in chosen:
            process.wait(PATIENCE)

    def kill(self, name: str) -> None:
        """End a process as a crash would. The web's workers follow their parent."""
        process = self.processes.pop(name)
        process.kill()
        process.wait(PATIENCE)

    def travel(self, now: datetime) -> None:
        """Let every process believe that it is `now`."""
        travel(Path(self.environ["CLOCK_FILE"]), now)

    def flask(self, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command in the settings of the running system."""
        return subprocess.run(
            [sys.executable, "-m", "flask", *arguments],
            cwd=ROOT, env=self.environ, input=stdin, capture_output=True, text=True, check=False, timeout=PATIENCE,
        )  # fmt: skip

    def mails(self, **query: str) -> Any:
        """Return what /demo/mailbox.json says."""
        with open_url(f"{self.url}/demo/mailbox.json?{urlencode(query)}", timeout=10) as answer:
            return json.load(answer)

    def wait(self, wish: Callable[[], Any], seconds: float = PATIENCE, every: float = 0.1) -> Any:
        """Return the first true answer; fail with the processes' logs when none comes in time."""
        last = time.monotonic() + seconds
        while time.monotonic() < last:
            answer = wish()
            if answer:
                return answer
            time.sleep(every)
        logs = [
            f"--- {name}\n{self.log(name).read_text()}" for name in self.commands if self.log(name).exists()
        ]
        raise AssertionError("\n".join(["it did not come true", *logs]))

    def is_well(self) -> bool:
        try:
            with open_url(f"{self.url}/healthz", timeout=10) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"


def spawned(command: list[str], environ: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    """Start a command as an operator would, with its imports."""
    with log.open("ab") as file:
        return subprocess.Popen(
            command, cwd=ROOT, env=environ, stdin=subprocess.DEVNULL, stdout=file, stderr=file
        )


@pytest.fixture
def system(database_url: str, tmp_path: Path, desks: Desks) -> Iterator[Running]:
    """The whole system, not started: load what the test needs, then `start()`."""
    port, mail = processes.free_port(), processes.free_port()
    environ = {
        "APP_ENV": "test",
        "INSTANCE_PATH": str(tmp_path),
        "DATABASE_URL": database_url,
        "SECRET_KEY": SECRET_KEY,
        "PORT": str(port),
        "PUBLIC_URL": f"http://{processes.LOOPBACK}:{port}",
        "SMTP_URL": f"smtp://{processes.LOOPBACK}:{mail}",
        "CLOCK_FILE": str(tmp_path / "clock"),
    }
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    travel(tmp_path / "clock", NOW)
    system = Running(tmp_path, inherited | environ, processes.commands(port, workers=2))
    if os.environ.get("CHAOS") == "full":
        system.open = spawned
    yield system
    desks.close()
    system.stop()


@pytest.fixture
def running(system: Running) -> Running:
    """The whole system, running and well."""
    system.start()
    system.wait(system.is_well)
    return system
