"""Run the planner's benchmarks and write what they print to docs/benchmarks.md: `python -m tests.benchmarks`."""

import argparse
import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path

from tests.benchmarks import planner, proposals

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
HEAD = """# Benchmarks

Written by `python -m tests.benchmarks` on {on} ({machine}; {load:.1f} processes wanted its {cores} cores at first).
They print ratios beside times, because times belong to a machine; on a busy one they are longer. Instances come from
fixed seeds.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few sizes only, and nothing is written")
    quick = parser.parse_args().quick
    machine = f"{platform.machine()}, Python {platform.python_version()}"
    on, load = datetime.now(UTC).date(), os.getloadavg()[0]
    lines = [HEAD.format(on=on, machine=machine, load=load, cores=os.cpu_count())]
    parts = [planner.report(quick), proposals.report((10_000,) if quick else (100_000, 1_000_000))]
    for part in parts:
        for text in part:
            lines.append(text)
            print(text)
            sys.stdout.flush()
        lines.append("")
        if not quick:  # what is measured stands, even if the next part fails
            PAGE.write_text("\n".join(lines), encoding="utf-8")
            print(f"Written to {PAGE.name}.")


if __name__ == "__main__":
    main()
