"""What the drills found: a line each, docs/chaos.json with every full run, and docs/chaos.md made from it.

A drill that is run again takes the place of its row; with MORE=1 it adds to it, so that a figure too large for one
sitting grows over several. Counts are added then, the highest of what is no count is kept, words are told as a span.
"""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

from tests.chaos.settings import FULL, SEED

DOCS = Path(__file__).resolve().parents[2] / "docs"
RUNS, PAGE = DOCS / "chaos.json", DOCS / "chaos.md"
NO_COUNTS = {"processes", "programs", "most_copies"}
HEAD = """# Drills

What was broken on purpose, how often, and what came of it. Each drill has a control: the same drill with the guard
taken out, which must fail, or the drill proves nothing. Written by `make chaos CHAOS=full` (`N=` for fewer
rounds, `MINUTES=` for a shorter storm, `MORE=1` to add a run to a row); each row says how many rounds it had, and its
seed repeats it. [chaos.json](chaos.json) has every run of a row with its own seed and figures. The times of the
storms as fast as they can were taken on two cores that had much else to do; those at a stated rate had the machine to
themselves.

| drill | engine | what was found | control | date, seed |
|---|---|---|---|---|
"""


def tell(drill, engine, figures, control):
    """Print what was found; of a full drill keep it, and bring the page up to date."""
    print(f"\n{drill} on {engine} (seed {SEED}): {_words(figures)}; control: {_words(control)}")
    if FULL:
        run = {"figures": figures, "control": control, "seed": SEED, "date": f"{datetime.now(UTC):%Y-%m-%d}"}
        rows = json.loads(RUNS.read_text())
        add(rows, drill, engine, [run], more=bool(os.environ.get("MORE")))
        write(rows)


def add(rows, drill, engine, runs, *, more):
    """Put runs into the rows, in place of what the drill found before or beside it."""
    row = next((one for one in rows if (one["drill"], one["engine"]) == (drill, engine)), None)
    if row is None:
        row = {"drill": drill, "engine": engine, "runs": []}
        rows.append(row)
        rows.sort(key=lambda one: (one["drill"], one["engine"]))
    row["runs"] = [*(row["runs"] if more else ()), *runs]


def write(rows):
    """Write the runs, and the page that tells them."""
    RUNS.write_text(json.dumps(rows, indent=1) + "\n")
    PAGE.write_text(page(rows))


def page(rows):
    """Return the page that tells these rows."""
    return HEAD + "".join(f"{line(row)}\n" for row in rows)


def line(row):
    """Return a row of the page."""
    runs = row["runs"]
    found, control = (_words(together([run[part] for run in runs])) for part in ("figures", "control"))
    dates = _span([run["date"] for run in runs])
    seeds = runs[0]["seed"] if len(runs) == 1 else f"{len(runs)} runs"
    return f"| {row['drill']} | {row['engine']} | {found} | {control} | {dates}, {seeds} |"


def together(parts):
    """Return the figures of several runs as those of one."""
    names = list(dict.fromkeys(name for part in parts for name in part))
    return {name: _joined(name, [part[name] for part in parts if name in part]) for name in names}


def _joined(name, values):
    if not isinstance(values[0], int):
        return _span(values)
    return max(values) if name in NO_COUNTS else sum(values)


def _span(values):
    """Return the only value, or the lowest and the highest."""
    ranked = sorted(set(values), key=lambda value: (_number(value), str(value)))
    return ranked[0] if len(ranked) == 1 else f"{ranked[0]} to {ranked[-1]}"


def _number(value):
    try:
        return float(value)
    except ValueError:
        return 0.0


def _words(figures):
    return ", ".join(
        f"{value:,} {name}".replace("_", " ") if isinstance(value, int) else f"{name} {value}"
        for name, value in figures.items()
    )
