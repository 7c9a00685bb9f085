"""The planner's folders import each other in one direction; the validator shares nothing with the search."""

import ast
from pathlib import Path

import pytest

from scheduler.domain import planner

PLANNER = Path(planner.__file__).parent
BELOW = {  # a part of the planner, and what it may import of the others
    "values": set(),
    "measures": set(),
    "validator": {"values", "measures"},
    "grid": {"values"},
    "search": {"values", "grid"},
    "answers": {"values", "grid", "search", "validator"},
    "many": {"values", "grid", "answers"},
    "openings": {"values", "grid", "search", "answers"},
}


def test_the_planner_s_folders_import_in_one_direction():
    parts = {path: path.relative_to(PLANNER).parts[0].removesuffix(".py") for path in PLANNER.rglob("*.py")}

    assert {part for part in parts.values() if part != "__init__"} == BELOW.keys()
    assert [
        f"{path.name} imports {other}"
        for path, part in parts.items()
        if part != "__init__"
        for other in imported(path.read_text()) - BELOW[part] - {part}
    ] == []


@pytest.mark.parametrize(
    "source",
    [
        "from scheduler.domain.planner.search.course import Step",
        "def late():\n    from scheduler.domain.planner.search import cpsat",
        "import scheduler.domain.planner.search.course",
        "from scheduler.domain.planner import search",
    ],
)
def test_an_import_is_found_wherever_it_is(source):
    assert imported(source) == {"search"}


def imported(source: str) -> set[str]:
    """Return the parts of the planner that a file imports."""
    names = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    prefix = "scheduler.domain.planner."
    return {name.removeprefix(prefix).partition(".")[0] for name in names if name.startswith(prefix)}
