"""What every test can ask for; each subject in its own file."""

import gc

pytest_plugins = [
    "tests.engines",
    "tests.cast",
    "tests.demo_scene",
    "tests.services.courses",
    "tests.walks.clinic",
    "tests.walks.api",
    "tests.walks.pages",
    "tests.browser",
    "tests.running",
]


def pytest_collection_finish() -> None:
    """Let the garbage collector leave alone what was imported: looking at it again takes a seventh of the run."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
