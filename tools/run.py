"""`make run`: the demo clinic with its web, clock, worker and mail processes, until Ctrl-C.

A demo mails no one: its mail server is a catcher on a free port of this machine, chosen before anything starts.
"""

import multiprocessing
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType
from urllib.error import HTTPError
from urllib.request import ProxyHandler, build_opener

from honcho.manager import Manager

import config
from tools import database_state, demo_settings, processes
from tools.places import ROOT, Refused, answer

PATIENCE = 60  # seconds for the first answer of a cold machine


def main() -> int:
    os.umask(0o077)  # a database of patients is its owner's
    settings = _settings()
    environ = {**os.environ, "APP_ENV": "demo", "PYTHONUNBUFFERED": "1"}
    if not database_state.is_migrated(settings.database_url):
        _flask("db upgrade", "Preparing the database ...", environ)
    if not database_state.has_clinic(settings.database_url):
        _flask("demo load", "Loading the demo clinic ...", environ)
    return _serve(settings, environ)


def _settings() -> config.Settings:
    """Check everything before `instance/env` changes: a running demo of this folder reads it."""
    asked = os.environ.get("APP_ENV") or "demo"
    if asked != "demo":
        raise Refused(f"APP_ENV is {asked}, and `make run` runs the demo: unset it.")
    instance = Path(os.environ.get("INSTANCE_PATH") or ROOT / "instance").resolve()
    instance.mkdir(mode=0o700, parents=True, exist_ok=True)
    catcher = f"smtp://{processes.LOOPBACK}:{processes.free_port()}"
    text = demo_settings.compose(
        instance / "env", os.environ, {} if os.environ.get("SMTP_URL") else {"SMTP_URL": catcher}
    )
    try:
        settings = config.load({**config.parse(text, "env"), **os.environ})
    except config.ConfigError as error:
        raise Refused(str(error)) from None
    processes.require_free(settings.port)
    demo_settings.save(instance / "env", text)
    return settings


def _flask(command: str, words: str, environ: dict[str, str]) -> None:
    print(words, flush=True)
    finished = subprocess.run(
        [sys.executable, "-m", "flask", *command.split()], check=False, cwd=ROOT, env=environ
    )
    if finished.returncode:
        raise Refused(f"`flask {command}` failed; its reason is above.")


def _serve(settings: config.Settings, environ: dict[str, str]) -> int:
    """Run every process until one ends or a signal comes; then end the others, and wait for them."""
    multiprocessing.set_start_method("fork")  # honcho's processes cannot be sent to a fresh interpreter
    signal.signal(signal.SIGHUP, _as_terminate)
    greeting = multiprocessing.Process(target=_greet, args=(settings,), daemon=True)
    greeting.start()
    manager = Manager()
    commands = processes.commands(settings.port, settings.web_concurrency)
    for name, command in {**commands, "worker": processes.worker()}.items():
        manager.add_process(name, f"exec {shlex.join(command)}", env=environ, cwd=str(ROOT))
    manager.loop()
    greeting.terminate()
    asked_to_end = manager.returncode in (130, 143)
    if not asked_to_end:
        raise Refused("a process ended by itself; its lines are above.")
    return 0


def _as_terminate(number: int, frame: FrameType | None) -> None:
    """A closed terminal ends the demo like Ctrl-C, which honcho knows."""
    del number, frame
    os.kill(os.getpid(), signal.SIGTERM)


def _greet(settings: config.Settings) -> None:
    """Say where everything is, once it is there."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    address = f"http://{processes.LOOPBACK}:{settings.port}"
    if _answers(address):
        credentials = settings.instance_path / "demo-credentials.txt"
        print(
            f"\n  Seriate is at  {settings.public_url}\n"
            f"  Sign in with   an address and password of {credentials}\n"
            f"  Open mailbox   {settings.public_url}/demo/mailbox\n"
            "  Stop           Ctrl-C\n",
            flush=True,
        )


def _answers(address: str) -> bool:
    """Wait until all is well; in the end an answer that says what is not well is one too."""
    opener = build_opener(ProxyHandler({}))  # this machine is never behind a proxy
    last = time.monotonic() + PATIENCE
    answered = False
    while time.monotonic() < last:
        try:
            opener.open(f"{address}/healthz", timeout=5).close()
        except HTTPError:
            answered = True
        except OSError:
            answered = False
        else:
            return True
        time.sleep(0.1)
    return answered


if __name__ == "__main__":
    answer(main)
