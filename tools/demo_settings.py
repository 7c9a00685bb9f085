"""The settings of a demo, kept in `instance/env` so that commands in a second terminal see the same ones.

The file has two parts. The upper one lasts: APP_ENV, the generated SECRET_KEY, and what a person adds. The lower one
is what the last `make run` was given or chose, and every run writes it again.
"""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

import config
from tools.places import Refused

LAST_RUN = "# of the last `make run`, written again by each"
CARRIED = tuple(name for name in config.NAMES if name not in ("APP_ENV", "INSTANCE_PATH"))


def compose(file: Path, environ: Mapping[str, str], chosen: Mapping[str, str]) -> str:
    """Return what the file should say for this run. Raises Refused where it holds another APP_ENV."""
    lasting = _lasting(file) or _first()
    if "APP_ENV=demo" not in lasting:
        raise Refused(f"{file} does not say APP_ENV=demo: `make run` runs the demo and leaves it alone.")
    given = {name: environ[name] for name in CARRIED if environ.get(name)}
    run = [f"{name}={value}" for name, value in {**given, **chosen}.items()]
    return "\n".join([*lasting, "", LAST_RUN, *run, ""])


def save(file: Path, text: str) -> None:
    """Replace the file in one step, never readable by others: another terminal may read it now."""
    fresh = file.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
        out.write(text)
    fresh.replace(file)


def _first() -> list[str]:
    return [
        "# Settings of the demo, below the real environment. One NAME=value a line, taken as it is.",
        "APP_ENV=demo",
        f"SECRET_KEY={secrets.token_hex(32)}",
    ]


def _lasting(file: Path) -> list[str]:
    if not file.exists():
        return []
    lines = file.read_text(encoding="utf-8").splitlines()
    upper = lines[: lines.index(LAST_RUN)] if LAST_RUN in lines else lines
    while upper and not upper[-1].strip():
        upper.pop()
    return upper
