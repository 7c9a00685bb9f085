"""Random walks of staff through a clinic (tests/walks), and the same walks with one rule after the other taken out.

FIRST= goes on where an earlier run ended. Each walk that breaks a rule or fails is told of, with its number; the
others go on.
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
def test_walks_through_the_services(engine_name, session, walking):
    number = rounds(2, 10_000 if engine_name == "sqlite" else 1_000)
    done, faults = 0, []
    for one in range(FIRST, FIRST + number):
        try:
            done += walked(session, walking, doors.Services(), [one], STEPS)
        except Exception as fault:
            session.rollback()
            words = " ".join([str(fault), *getattr(fault, "__notes__", ())])
            faults.append(f"{type(fault).__name__}: {words}")
            print(f"\n{faults[-1][:1500]}", flush=True)
        if one % 10 == 9:
            print(f"{engine_name}: walk {one} done, {len(faults)} faults", flush=True)
    figures = {"walks of 50 steps": number, "first walk": str(FIRST), "done": done, "broken": len(faults)}
    tell("walks", engine_name, figures, {})

    assert not faults
    assert done > number


@pytest.mark.parametrize("hole", holes.HOLES, ids=lambda one: one.__name__)
def test_a_rule_that_is_taken_out_is_missed(session, walking, monkeypatch, hole):
    hole(monkeypatch)
    for number in range(MOST if FULL else 1):
        try:
            walked(session, walking, doors.Services(), [number], STEPS)
        except AssertionError as found:
            print(f"\n{hole.__name__}: found by walk {number + 1}: {str(found)[:300]}", flush=True)
            return
        except Exception as fault:
            session.rollback()
            print(f"\n{hole.__name__}: walk {number + 1}: {type(fault).__name__}", flush=True)
    assert not FULL, f"{hole.__doc__} was not found in {MOST} walks"
