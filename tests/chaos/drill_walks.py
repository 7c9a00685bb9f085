"""Random walks of staff through a clinic (tests/walks), and the same walks with one rule after the other taken out.

FIRST= goes on where an earlier run ended. A walk that breaks a rule or fails is named with its number and its last
steps, and the next one is taken.
"""

import os

import pytest

from tests.chaos.report import tell
from tests.chaos.settings import FULL, rounds, short_on
from tests.walks import holes, services
from tests.walks.walk import walked

FIRST, STEPS, STEPS_OF_REQUESTS = int(os.environ.get("FIRST", "0")), 50, 30
MOST = 300  # walks in which each rule that was taken out must be missed
LONGEST = 2_000  # characters of a fault


@short_on("sqlite")
def test_walks_through_the_services(engine_name, session, walking):
    number = rounds(2, 10_000 if engine_name == "sqlite" else 1_000)
    take(session, walking, services.Services(), number, STEPS, ("walks", engine_name))


def test_walks_over_the_api(session, walking, walking_programs):
    number = rounds(1, 300)
    take(session, walking, walking_programs, number, STEPS_OF_REQUESTS, ("walks over the API", "sqlite"))


def test_walks_over_the_pages(session, walking, walking_browsers):
    number = rounds(1, 50)
    take(session, walking, walking_browsers, number, STEPS_OF_REQUESTS, ("walks over pages", "sqlite"))


def take(session, cast, interface, number, steps, row):
    """Take so many walks through an interface, and fail at the end if any of them did."""
    done, faults = 0, []
    for one in range(FIRST, FIRST + number):
        try:
            done += walked(session, cast, interface, [one], steps)
        except Exception as fault:
            session.rollback()
            faults.append(" ".join([f"walk {one}:", repr(fault), *getattr(fault, "__notes__", ())]))
            print(f"\n{faults[-1][:LONGEST]}", flush=True)
        if one % 10 == 9:
            print(
                f"{row[0]} on {row[1]}: up to walk {one}, {done} steps done, {len(faults)} broken", flush=True
            )
    figures = {f"walks of {steps} steps": number, "first": str(FIRST), "done": done, "broken": len(faults)}
    tell(*row, figures, {})

    assert not faults
    assert done > number


@pytest.mark.parametrize("hole", holes.HOLES, ids=lambda one: one.__name__)
def test_a_rule_that_is_taken_out_is_missed(session, walking, monkeypatch, hole):
    hole(monkeypatch)
    for number in range(MOST if FULL else 1):
        try:
            walked(session, walking, services.Services(), [number], STEPS)
        except AssertionError as found:
            print(f"\n{hole.__name__}: found by walk {number}: {str(found)[:LONGEST]}", flush=True)
            return
    assert not FULL, f"{hole.__doc__} was not found in {MOST} walks"
