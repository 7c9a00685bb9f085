"""What a drill found, as a line, as JSON under build/chaos, and all together as docs/chaos.md."""

import json
from datetime import UTC, datetime
from pathlib import Path

from tests.chaos.settings import FULL, SEED

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "build" / "chaos"
PAGE = ROOT / "docs" / "chaos.md"
HEAD = """# Drills

What was broken on purpose, how often, and what came of it. Each drill has a control: the same drill with the guard
taken out, which must fail, or the drill proves nothing. Written by `make chaos CHAOS=full` (`N=` for fewer
rounds, `MINUTES=` for a shorter storm); each row says how many rounds it had, and its seed repeats it. Seed 20261122 is
the short run's (CHAOS=smoke). The storms' times were taken on two cores that had much else to do.

| drill | engine | what was found | control | date, seed |
|---|---|---|---|---|
"""


def tell(drill, engine, figures, control):
    """Print what was found and keep it for the page."""
    said = {
        "drill": drill,
        "engine": engine,
        "figures": figures,
        "control": control,
        "seed": SEED,
        "full": FULL,
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
    }
    print(f"\n{drill} on {engine} (seed {SEED}): {_words(figures)}; control: {_words(control)}")
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / f"{drill}-{engine}{'' if FULL else '-smoke'}.json").write_text(
        json.dumps(said, indent=1) + "\n"
    )


def write_page():
    """Bring docs/chaos.md up to date with the full drills that have been run; the rows of others stay."""
    found = [json.loads(file.read_text()) for file in sorted(FOLDER.glob("*.json"))]
    rows = {_drill_of(row): row for row in PAGE.read_text().splitlines() if row.startswith("| ")}
    rows.pop(_drill_of(HEAD.splitlines()[-2]), None)
    fresh = {_drill_of(row): row for row in map(_row, found) if row}
    if fresh:
        PAGE.write_text(HEAD + "\n".join(row for _, row in sorted((rows | fresh).items())) + "\n")


def _drill_of(row):
    """Return which drill a row of the page is about, and on which engine."""
    return tuple(cell.strip() for cell in row.split("|")[1:3])


def _row(one):
    if not one["full"]:
        return ""
    found, control = _words(one["figures"]), _words(one["control"])
    return f"| {one['drill']} | {one['engine']} | {found} | {control} | {one['date']}, {one['seed']} |"


def _words(figures):
    return ", ".join(
        f"{value:,} {name}".replace("_", " ") if isinstance(value, int) else f"{name} {value}"
        for name, value in figures.items()
    )
