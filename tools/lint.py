"""Every check of the code that runs nothing of it; all of them, even when the first fails."""

import subprocess
import sys
from pathlib import Path

from tools.places import ROOT, answer

CHECKS = (
    "ruff check --quiet .",
    "ruff format --quiet --check .",
    "mypy --no-error-summary",
    # what ruff does not have of it: ruff's S rules are the rest, with their reasons at the line
    "bandit --quiet --severity-level medium --configfile pyproject.toml --recursive scheduler config.py wsgi.py",
    "djlint --quiet --lint templates",
)


def main() -> int:
    failed = [check for check in CHECKS if not _passes(check)]
    print(f"Failed: {'; '.join(failed)}" if failed else "Lint found nothing.")
    return len(failed)


def _passes(check: str) -> bool:
    program, *options = check.split()
    command = [str(Path(sys.executable).with_name(program)), *options]
    return subprocess.run(command, check=False, cwd=ROOT).returncode == 0


if __name__ == "__main__":
    answer(main)
