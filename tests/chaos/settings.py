"""How long the drills are: CHAOS=smoke or full, N= rounds, SEED= of the randomness (printed, to repeat a run).

MINUTES= ends a storm before it has had all its rounds; what it did until then is what it tells.
"""

import os
import random

import pytest

from tests.engines import ENGINES

FULL = os.environ.get("CHAOS", "smoke") == "full"
USUAL = 20261122  # the smoke of every test run is the same one; the full drills draw a new seed each time
SEED = int(os.environ.get("SEED") or (random.SystemRandom().randrange(1_000_000) if FULL else USUAL))


def rounds(smoke: int, full: int) -> int:
    """Return how many rounds to drill."""
    return int(os.environ.get("N") or (full if FULL else smoke))


def seconds() -> float:
    """Return how long a storm may go on."""
    return float(os.environ.get("MINUTES") or 600) * 60


def short_on(engine: str) -> pytest.MarkDecorator:
    """Run a drill on both engines, but the short one on this one alone, so that all of them together stay short."""
    return pytest.mark.parametrize("engine_name", ENGINES if FULL else [engine], indirect=True)
