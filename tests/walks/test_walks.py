"""Whatever staff do, in whatever order, no visit breaks its protocol without a recorded override."""

import pytest

from tests.walks import doors, holes
from tests.walks.walk import walked

WALKS, STEPS = 30, 12


def test_no_sequence_breaks_a_protocol(session, harbor, nora_course):
    assert walked(session, harbor, doors.Services(), range(WALKS), STEPS) >= WALKS * STEPS / 8


def test_an_undo_that_does_not_ask_is_found(session, harbor, nora_course, monkeypatch):
    holes.d(monkeypatch)

    with pytest.raises(AssertionError, match="lacks"):
        walked(session, harbor, doors.Services(), range(1), 60)
