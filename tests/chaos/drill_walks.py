"""Random walks of staff through a clinic (tests/walks), and the same walks with one rule after the other taken out.

FIRST= goes on where an earlier run ended.
"""

import os

import pytest

from tests.chaos.report import tell
from tests.chaos.settings import FULL, rounds, short_on
from tests.walks import doors, holes
from tests.walks.walk import walked

FIRST, STEPS = int(os.environ.get("FIRST", "0")), 50
MOST = 300  # walks in which each rule that was taken out must be missed


@short_on("sqlite")
def test_walks_through_the_services(engine_name, session, harbor, nora_course):
    number = rounds(2, 10_000 if engine_name == "sqlite" else 1_000)
    done = walked(session, harbor, doors.Services(), range(FIRST, FIRST + number), STEPS)
    tell("walks", engine_name, {"walks of 50 steps": number, "done": done, "broken": 0}, {})

    assert done > number


@pytest.mark.parametrize("hole", holes.HOLES, ids=lambda one: one.__name__)
def test_a_rule_that_is_taken_out_is_missed(session, harbor, nora_course, monkeypatch, hole):
    hole(monkeypatch)
    for number in range(MOST if FULL else 1):
        try:
            walked(session, harbor, doors.Services(), [number], STEPS)
        except AssertionError as found:
            print(f"\n{hole.__name__}: found by walk {number + 1}: {str(found)[:200]}")
            return
    assert not FULL, f"{hole.__doc__} was not found in {MOST} walks"
