"""A desk at Harbor Clinic on Monday 23 November 2026, 08:00 in New York, in a real browser."""

from datetime import UTC, datetime

import pytest

from tests.cast import NOW
from tests.pages.desk import sign_in


@pytest.fixture
def on_monday(tmp_path):
    """Let the server believe that it is NOW."""
    (tmp_path / "clock").write_text(str((NOW - datetime.now(UTC)).total_seconds()))


@pytest.fixture
def course(staffed, nora_course):
    """Nora's booked course."""
    return nora_course


@pytest.fixture
def alice(page, staffed, on_monday):
    """Alice's desk, signed in."""
    return sign_in(page, "alice@example.org")


@pytest.fixture
def mona(open_page, live_server, staffed, on_monday):
    """Mona's desk: a manager."""
    return sign_in(open_page(live_server), "mona@example.org")
