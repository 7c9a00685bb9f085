"""Make a checkout ready: `python3 -m tools.setup run` for the demo, `... test` for tests and tools, `... production`.

Every step leaves a stamp and does nothing when its input has not changed.
"""

import fcntl
import shutil
import subprocess
import sys

from tools import assets, environment, production
from tools.places import BUILD, ROOT, VENV, VENV_PYTHON, Refused, answer

# measured on Linux x86-64: what each set-up writes, plus room for the database and its journal
NEEDED_MEGABYTES = {"run": 600, "production": 700, "test": 1800}


def main() -> int:
    purpose = sys.argv[1] if len(sys.argv) == 2 else ""
    if purpose not in NEEDED_MEGABYTES:
        raise Refused("say what to set up: run, production or test.")
    _require_room(purpose)
    BUILD.mkdir(exist_ok=True)
    with (BUILD / "setup.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two terminals may start at once
        if purpose == "production":
            production.install()
            return 0
        development = purpose == "test"
        environment.install(environment.DEVELOPMENT if development else environment.RUNTIME)
        if not development:
            assets.fetch(development=False)
            return 0
        # beside each other: both wait for npm, and unpacking a Chromium takes one core for seconds
        with subprocess.Popen([VENV_PYTHON, "-m", "tools.chromium"], cwd=ROOT) as chromium:
            assets.fetch(development=True)
        return chromium.returncode


def _require_room(purpose: str) -> None:
    """Refuse early: a disk that fills in the middle leaves half an environment."""
    needed = 50 if VENV.exists() else NEEDED_MEGABYTES[purpose]
    free = shutil.disk_usage(ROOT).free // 1_000_000
    if free < needed:
        raise Refused(f"{ROOT} has {free} MB free, and this needs {needed} MB.")


if __name__ == "__main__":
    answer(main)
