"""Where things are in a checkout, and the one way a tool refuses."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / "tools"
VENV = ROOT / ".venv"
BUILD = ROOT / "build"
VENV_PYTHON = VENV / "bin" / "python"


class Refused(Exception):
    """A missing prerequisite, in one line a person can act on."""


def answer(main: Callable[[], int]) -> None:
    """Run a tool's main and exit with its code; a refusal or a full disk is one line and 1."""
    try:
        sys.exit(main())
    except Refused as refusal:
        print(f"seriate: {refusal}", file=sys.stderr)
    except OSError as error:
        place = f" ({os.fspath(error.filename)})" if error.filename else ""
        print(f"seriate: {error.strerror or error}{place}", file=sys.stderr)
    sys.exit(1)
