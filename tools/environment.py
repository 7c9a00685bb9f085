"""The virtual environment: uv in it, and exactly the packages of a hashed lock.

A stamp beside the packages holds the hash of each lock that is installed, so an unchanged lock costs nothing.
"""

import fcntl
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

from tools.places import ROOT, VENV, VENV_PYTHON, Refused

STAMP = VENV / "installed-locks.json"
REQUIREMENTS = ROOT / "requirements"
RUNTIME = ROOT / "requirements.txt"  # at the top, where tools and people look for it
SOLVER = REQUIREMENTS / "solver.txt"  # an extra for a clinic's installation
DEVELOPMENT = REQUIREMENTS / "dev.txt"  # holds everything of RUNTIME, at the same versions
NODE = REQUIREMENTS / "node.txt"
UV = REQUIREMENTS / "uv.txt"
INPUTS = {  # each lock and what it is made from, in the order of locking: RUNTIME constrains the next two
    RUNTIME: REQUIREMENTS / "base.in",
    SOLVER: REQUIREMENTS / "solver.in",
    DEVELOPMENT: REQUIREMENTS / "dev.in",
    NODE: REQUIREMENTS / "node.in",
    UV: REQUIREMENTS / "uv.in",
}


def install(lock: Path) -> None:
    """Make the virtual environment hold the packages of the lock; nothing to do if it does."""
    if not (STAMP.exists() and _starts()):
        _create()
    with STAMP.with_suffix(".lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)  # two steps of one set-up may need the same lock
        installed = _installed()
        if installed.get(lock.name) == _digest(lock):
            return
        _ready_uv()
        print(f"Installing {lock.relative_to(ROOT)} ...", flush=True)
        # system certificates: machines behind a proxy that signs its own
        _run("-m", "uv", "pip", "install", "--quiet", "--system-certs", "--require-hashes", "-r", str(lock))
        held = [lock, RUNTIME] if lock == DEVELOPMENT else [lock]
        fresh = STAMP.with_suffix(f".{os.getpid()}")  # whole at once: a run cut off leaves the old one
        fresh.write_text(
            json.dumps(installed | {each.name: _digest(each) for each in held}), encoding="utf-8"
        )
        fresh.replace(STAMP)


def _starts() -> bool:
    """False when there is none, when its interpreter has gone from the machine, or when it is too old."""
    probe = [str(VENV_PYTHON), "-c", "import sys; sys.exit(sys.version_info < (3, 11))"]
    try:
        return subprocess.run(probe, check=False, capture_output=True).returncode == 0
    except OSError:
        return False


def _create() -> None:
    """Make it, or end what was cut off: an environment that starts is kept with what is in it."""
    print("Making the virtual environment in .venv ...", flush=True)
    clear = [] if _starts() else ["--clear"]
    made = subprocess.run([sys.executable, "-m", "venv", *clear, str(VENV)], check=False)
    if made.returncode:
        raise Refused(f"{sys.executable} could not make {VENV}; its reason is above.")
    STAMP.write_text("{}", encoding="utf-8")


def _ready_uv() -> None:
    """Have uv in the environment; a production install removes it at its end."""
    if not VENV_PYTHON.with_name("uv").exists():
        _run(
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--require-hashes",
            "-r",
            str(UV),
        )


def holds(lock: Path) -> bool:
    """Say whether a version of the lock was ever installed and not removed since."""
    return STAMP.exists() and lock.name in _installed()


def remove(lock: Path) -> None:
    """Uninstall the packages of the lock; pip itself stays, so that it can install them again."""
    present = _installed()
    present.pop(lock.name, None)
    STAMP.write_text(json.dumps(present), encoding="utf-8")
    _run("-m", "pip", "uninstall", "--quiet", "--disable-pip-version-check", "--yes", "-r", str(lock))


def _installed() -> dict[str, str]:
    stamp: dict[str, str] = json.loads(STAMP.read_text(encoding="utf-8"))
    return stamp


def _digest(lock: Path) -> str:
    return hashlib.sha256(lock.read_bytes()).hexdigest()


def _run(*arguments: str) -> None:
    """Run the environment's Python; its output is the reason, so it is not caught."""
    finished = subprocess.run([str(VENV_PYTHON), *arguments], check=False, cwd=ROOT)
    if finished.returncode:
        raise Refused(f"'{' '.join(arguments[1:3])}' failed; its reason is above.")
