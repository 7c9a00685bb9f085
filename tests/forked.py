"""The tests' side of tests/nursery.py: one for each worker, and the processes that it has forked."""

import atexit
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@cache
def _nursery():
    """Return the nursery of this worker, which ends with it."""
    command = [sys.executable, "-m", "tests.nursery"]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    atexit.register(process.communicate)
    return process


def ask(do, **what):
    """Let the nursery call a function, `module.name`; return its answer."""
    nursery = _nursery()
    nursery.stdin.write(f"{json.dumps({'do': do, **what})}\n")
    nursery.stdin.flush()
    return json.loads(nursery.stdout.readline())


def run(command, environ, log):
    """Fork what a command such as [python, "-m", "flask", "clock"] does."""
    module, *arguments = command[2:]
    log.touch()
    return Child(ask("tests.nursery.run", module=module, arguments=arguments, environ=environ, log=str(log)))


@dataclass(frozen=True)
class Child:
    """A process that the nursery has forked, with what the tests use of subprocess.Popen."""

    pid: int

    @property
    def returncode(self):
        return self.poll()

    def poll(self):
        """Return how it ended, None while it runs."""
        return ask("tests.nursery.status", child=self.pid)

    def wait(self, seconds=36_000):
        last = time.monotonic() + seconds
        while (status := self.poll()) is None:
            assert time.monotonic() < last, f"process {self.pid} does not end"
            time.sleep(0.02)
        return status

    def send_signal(self, number):
        if self.poll() is None:  # else the number may be that of another process
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self):
        self.send_signal(signal.SIGTERM)

    def kill(self):
        self.send_signal(signal.SIGKILL)
