"""What every test can ask for; each subject in its own file."""

import gc

import pytest

pytest_plugins = [
    "tests.engines",
    "tests.cast",
    "tests.demo_scene",
    "tests.services.courses",
    "tests.services.reports.year_scene",
    "tests.walks.clinic",
    "tests.walks.api",
    "tests.walks.pages",
    "tests.browser",
    "tests.running",
]

LONG = (  # tests of seconds: browsers, processes of their own, the demo clinic, walks of many requests, searches
    "tests/test_", "tests/demo/", "tests/tools/", "tests/pages/", "tests/chaos/", "tests/processes/",
    "tests/patient_pages/", "tests/cli/", "tests/walks/", "tests/http/", "tests/web/", "tests/api/",
    "tests/domain/planner/", "tests/services/planning/", "tests/services/visit/",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the long tests, so that no worker is alone with one at the end."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONG))


def pytest_collection_finish() -> None:
    """Let the garbage collector leave alone what was imported: looking at it again takes a seventh of the run."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
