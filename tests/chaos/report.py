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
rounds); each row says how many rounds it had, and its seed repeats it.

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
    """Write docs/chaos.md from the full drills that have been run."""
    found = [json.loads(file.read_text()) for file in sorted(FOLDER.glob("*.json"))]
    rows = [
        f"| {one['drill']} | {one['engine']} | {_words(one['figures'])} | {_words(one['control'])} |"
        f" {one['date']}, {one['seed']} |"
        for one in found
        if one["full"]
    ]
    if rows:
        PAGE.write_text(HEAD + "\n".join(rows) + "\n")


def _words(figures):
    return ", ".join(
        f"{value:,} {name}".replace("_", " ") if isinstance(value, int) else f"{name} {value}"
        for name, value in figures.items()
    )
