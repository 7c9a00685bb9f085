"""Drills that need a program which neither PyPI nor npm brings, or wait for minutes: `make chaos` runs them, which sets
CHAOS. What they drill has quick tests of its own in tests/http and tests/web/test_health.py.
"""

import os

import pytest

from tests.engines import filled_database
from tests.forked import ask

LONG = [
    "drill_clock_jobs.py",
    "drill_inbox.py",
    "drill_pooler.py",
    "drill_proxies.py",
    "drill_slow_requests.py",
    "drill_walks.py",
]
_warm: set[str] = set()
collect_ignore = [] if "CHAOS" in os.environ else LONG


@pytest.fixture
def forked(engine_name, shared_folder, tmp_path_factory):
    """What a drill asks for that lets the nursery fork: the SQL for its engine has been compiled there."""
    if engine_name not in _warm:
        folder = tmp_path_factory.mktemp("warm")
        with filled_database(engine_name, shared_folder, folder, ("harbor",)) as url:
            ask("tests.chaos.warm.warm", folder=str(folder), database=url)
        _warm.add(engine_name)
