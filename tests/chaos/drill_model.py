"""Random walks through the services, each step compared with a clinic in plain Python (tests/services/visit).

The control lets go of no time when a visit is moved or cancelled.
"""

import pytest
from hypothesis import Phase

from scheduler.services.visit import allocation
from tests.chaos.report import tell
from tests.chaos.settings import SEED, rounds, short_on
from tests.services.visit.clinic_machine import ClinicMachine
from tests.services.visit.test_against_model import compare, open_clinic  # noqa: F401  (a fixture)

STEPS = 50


@short_on("sqlite")
def test_the_model(engine_name, open_clinic, monkeypatch):  # noqa: F811
    number = rounds(2, 10_000)
    ClinicMachine.ends.clear()
    compare(open_clinic, number, STEPS, SEED)
    ends = dict(ClinicMachine.ends)
    monkeypatch.setattr(allocation, "release", lambda *_: [])
    with pytest.raises(AssertionError) as caught:
        compare(open_clinic, 200, STEPS, SEED, phases=[Phase.generate])
    tell(
        "model",
        engine_name,
        {"walks of 50 steps": number, **ends, "falsified": 0},
        {"bug": "moves and cancellations release no time", "falsified": int(bool(caught.value))},
    )

    assert sum(ends.values()) > 0
