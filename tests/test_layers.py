"""An import points to a lower layer, never up, and never from one interface to another."""

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
INTERFACE = 5
LAYERS = {
    "errors": 0,
    "redaction": 0,
    "domain": 0,
    "database": 1,
    "kept": 1,
    "models": 1,
    "services": 2,
    "notify": 2,
    "ical": 2,
    "clock": 3,  # only interfaces ask what time it is
    "http": 3,  # limits, errors and the server: what every interface needs
    "transactions": 3,
    "safe_start": 3,
    "storage": 3,
    "system_health": 3,
    "schema": 3,
    "migrating": 3,
    "demo": 3,
    "web": INTERFACE,
    "api": INTERFACE,
    "feeds": INTERFACE,
    "fhir": INTERFACE,
    "patient_pages": INTERFACE,
    "processes": INTERFACE,
    "cli": INTERFACE,
    "app": 6,
}
SERVICES = (  # from the lowest; a module beside the packages that is not named here is a helper
    "helpers",
    "trail",
    "feed",
    "private_links",
    "jobs",
    "signs_of_life",
    "clinic",
    "mail",
    "account",
    "task",
    "planning",
    "visit",
    "course",
    "patient",
    "replan",
    "waitlist",
    "transfer",
    "reports",
    "day",
)
# packages that a layer does not know, whatever is below it
UNKNOWN_TO = {
    "domain": {"flask", "sqlalchemy", "config", "os"},
    "models": {"flask", "config", "os"},
    "services": {"flask", "config", "os"},
    "ical": {"flask", "config", "os"},
}
CLOCKS = {
    ("datetime", "now"),
    ("datetime", "utcnow"),
    ("datetime", "today"),
    ("date", "today"),
    ("time", "time"),
}
ENVIRONMENT = {("os", "environ"), ("os", "getenv")}
FILES = sorted(
    path for path in (ROOT / "scheduler").rglob("*.py") if "migrations" not in path.relative_to(ROOT).parts
)


def test_every_import_points_down():
    assert [fault for path in FILES for fault in faults(part_of(path), path.read_text())] == []


@pytest.mark.parametrize(
    ("part", "source"),
    [
        ("domain", "from scheduler.models.patient import Patient"),
        ("services", "import scheduler.web"),
        ("models", "def late():\n    from scheduler import services"),
        ("services", "from scheduler.clock import now"),
        ("web", "from scheduler.api import tokens"),
        ("processes", "from scheduler.app import create_app"),
        ("domain", "import sqlalchemy.orm"),
        ("services", "from flask import current_app"),
        ("attic", "import json"),
    ],
)
def test_a_planted_fault_is_found(part, source):
    assert len(faults(part, source)) == 1


@pytest.mark.parametrize(
    ("part", "source"),
    [
        ("web", "from scheduler import services\nfrom scheduler.services.course.booking import book_course"),
        ("services", "from scheduler.services import audit\nfrom scheduler.domain.plans import Action"),
        ("api", "from scheduler.api.problems import problem\nfrom flask import request"),
    ],
)
def test_what_points_down_is_no_fault(part, source):
    assert faults(part, source) == []


def test_services_import_only_services_below_them():
    assert [
        fault for path in FILES if (rank := rank_of(path)) for fault in climbs(rank, path.read_text())
    ] == []


def test_a_service_that_climbs_is_found():
    source = "from scheduler.services.trail import audit\nfrom scheduler.services.visit import moves"

    assert climbs("mail", source) == ["mail imports scheduler.services.visit.moves"]
    assert climbs("helpers", "from scheduler.services import jobs") == [
        "helpers imports scheduler.services.jobs"
    ]


def test_only_the_clock_reads_the_time():
    assert users_of(CLOCKS) == ["scheduler/clock.py"]


def test_only_the_settings_read_the_environment():
    assert users_of(ENVIRONMENT) == []


def test_no_module_cycle_in_models():
    folder = ROOT / "scheduler" / "models"
    assert (
        cycle({path.stem: path.read_text() for path in folder.glob("*.py") if path.stem != "__init__"}) == []
    )


@pytest.mark.parametrize(
    "source",
    [
        "from scheduler.models.patient import Patient",
        "from scheduler.models import patient as patients",
        "if TYPE_CHECKING:\n    import scheduler.models.patient",
    ],
)
def test_a_module_cycle_is_found(source):
    sources = {"clinic": source, "patient": "from scheduler.models.clinic import Clinic", "user": ""}
    assert sorted(set(cycle(sources))) == ["clinic", "patient"]


def part_of(path: Path) -> str:
    first = path.relative_to(ROOT / "scheduler").parts[0]
    return first.removesuffix(".py")


def faults(part: str, source: str) -> list[str]:
    """Return what a file of this part of the house imports and should not."""
    if part == "__init__":
        return [
            f"the package itself imports {name}" for name in imported(source) if name.startswith("scheduler")
        ]
    if part not in LAYERS:
        return [f"{part} has no layer: give it one here"]
    return [f"{part} imports {name}" for name in imported(source) if not allowed(part, name)]


def allowed(part: str, name: str) -> bool:
    first, _, rest = name.partition(".")
    if first != "scheduler":
        return first not in UNKNOWN_TO.get(part, set())
    other = rest.partition(".")[0]
    if other in ("", part):
        return True
    below = LAYERS[other] < LAYERS[part]
    beside = LAYERS[other] == LAYERS[part] and LAYERS[part] != INTERFACE
    return below or beside


def rank_of(path: Path) -> str:
    """Return the place of a service in SERVICES; "" for what is no service."""
    parts = path.relative_to(ROOT / "scheduler").with_suffix("").parts
    if parts[0] != "services" or parts[-1] == "__init__":
        return ""
    return parts[1] if parts[1] in SERVICES else "helpers"


def climbs(rank: str, source: str) -> list[str]:
    """Return the services that a service imports although they are above it."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith("scheduler.services"):
            continue
        for name in (f"{node.module}.{alias.name}" for alias in node.names):
            other = name.split(".")[2]
            other = other if other in SERVICES else "helpers"
            if SERVICES.index(other) > SERVICES.index(rank):
                found.append(f"{rank} imports {name}")
    return found


def imported(source: str) -> Iterator[str]:
    """Yield the modules that a file imports anywhere, inside functions too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module == "scheduler":
            yield from (f"scheduler.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def cycle(sources: Mapping[str, str]) -> list[str]:
    """Return modules of models/ that import each other in a circle, imports for the type checker included."""
    try:
        TopologicalSorter({name: models_in(source) for name, source in sources.items()}).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def models_in(source: str) -> set[str]:
    """Return the modules of models/ that a file imports."""
    names = set(imported(source))
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module == "scheduler.models":
            names |= {f"scheduler.models.{alias.name}" for alias in node.names}
    return {name.split(".")[2] for name in names if name.startswith("scheduler.models.")}


def users_of(attributes: set[tuple[str, str]]) -> list[str]:
    """Return the files that use one of these `name.attribute` pairs."""
    return [
        str(path.relative_to(ROOT))
        for path in FILES
        if any(
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and (node.value.id, node.attr) in attributes
            for node in ast.walk(ast.parse(path.read_text()))
        )
    ]
