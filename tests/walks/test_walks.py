"""Whatever staff do, in whatever order, no visit breaks its protocol without a recorded override."""

import pytest

from tests.walks import holes, services
from tests.walks.walk import walked

EACH, STEPS = 5, 12


@pytest.mark.parametrize("first", range(0, 30, EACH))
def test_no_sequence_breaks_a_protocol(session, walking, first):
    assert (
        walked(session, walking, services.Services(), range(first, first + EACH), STEPS) >= EACH * STEPS / 8
    )


def test_a_rule_that_is_taken_out_is_missed(session, walking, monkeypatch):
    holes.c(monkeypatch)

    with pytest.raises(AssertionError, match="one step twice"):
        walked(session, walking, services.Services(), [3], 50)
