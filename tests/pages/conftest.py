"""A desk at Harbor Clinic on Monday 23 November 2026, 08:00 in New York, in a real browser."""

import pytest

from tests.pages.desk import sign_in


@pytest.fixture
def course(staffed, nora_course):
    """Nora's booked course."""
    return nora_course


@pytest.fixture
def alice(page, staffed):
    """Alice's desk, signed in."""
    return sign_in(page, "alice@example.org")


@pytest.fixture
def mona(open_page, live_server, staffed):
    """Mona's desk: a manager."""
    return sign_in(open_page(live_server), "mona@example.org")
