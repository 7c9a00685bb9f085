"""How long the drills are: CHAOS=smoke or full, N= rounds, SEED= of the randomness (printed, to repeat a run)."""

import os
import random

FULL = os.environ.get("CHAOS", "smoke") == "full"
SEED = int(os.environ.get("SEED") or random.SystemRandom().randrange(1_000_000))


def rounds(smoke: int, full: int) -> int:
    """Return how many rounds to drill."""
    return int(os.environ.get("N") or (full if FULL else smoke))
