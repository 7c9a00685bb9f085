"""Run the planner's benchmarks and write what they print to docs/benchmarks.md.

    python -m tests.benchmarks [planner] [proposals] [replan] [openings] [waitlist] [--quick]

Each part is written when it is done, in place of what the page said of it before; a part that is not asked for stays.
The whole takes about an hour on a quiet machine, half of it for the year of freed time. How far it is goes to the
standard error.
"""

import argparse
import os
import platform
import re
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from tests.benchmarks import openings, planner, proposals, replan, waitlist_year

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
HEAD = """# Benchmarks

Written by `python -m tests.benchmarks`. They print ratios beside times, because times belong to a machine; on a busy
one they are longer. Instances come from fixed seeds.
"""
TITLES = {
    "planner": "The planner",
    "proposals": "Proposals through the API",
    "replan": "A closed day for many patients",
    "openings": "Who could use a freed time",
    "waitlist": "A year of freed time",
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", help="which parts (all of them, if none is named)")
    parser.add_argument("--quick", action="store_true", help="a few sizes only, and nothing is written")
    given = parser.parse_args()
    if unknown := set(given.parts) - TITLES.keys():
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    quick = given.quick
    reports: dict[str, Callable[[], Iterator[str]]] = {
        "planner": lambda: planner.report(quick),
        "proposals": lambda: proposals.report((10_000,) if quick else (100_000, 1_000_000)),
        "replan": lambda: replan.report(quick),
        "openings": lambda: openings.report(quick),
        "waitlist": lambda: waitlist_year.report(quick),
    }
    for name in given.parts or TITLES:
        text = measured(TITLES[name], reports[name]())
        if not quick:  # what is measured stands, even if the next part fails
            page = PAGE.read_text(encoding="utf-8") if PAGE.is_file() else ""
            PAGE.write_text(with_part(page, TITLES[name], text), encoding="utf-8")
            print(f"Written to {PAGE.name}.", flush=True)


def measured(title: str, report: Iterator[str]) -> str:
    """Return a part of the page, printed line by line meanwhile."""
    before = os.getloadavg()[0]
    lines = []
    print(f"## {title}\n")
    for text in report:
        lines.append(text)
        print(text)
        sys.stdout.flush()
    return "\n".join([f"## {title}\n", f"{about(before, os.getloadavg()[0])}\n", *lines]) + "\n"


def about(before: float, after: float) -> str:
    """Say on what the part was measured."""
    machine = f"{platform.machine()}, Python {platform.python_version()}"
    busy = f"{before:.1f} processes wanted its {os.cpu_count()} cores at first, {after:.1f} in the end"
    return f"Measured on {datetime.now(UTC).date()} ({machine}; {busy})."


def with_part(page: str, title: str, text: str) -> str:
    """Return the page with a part put in its place; the parts come in the order of TITLES."""
    parts = {found[1]: found[0] for found in re.finditer(r"^## (.*)\n(?:(?!## ).*\n?)*", page, re.M)}
    parts[title] = text
    return "\n".join([HEAD, *(f"{parts[one].strip()}\n" for one in TITLES.values() if one in parts)])


if __name__ == "__main__":
    main()
