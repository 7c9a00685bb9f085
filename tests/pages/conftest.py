"""A desk at Harbor Clinic on Monday 23 November 2026, 08:00 in New York, in a real browser."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.pages.desk import sign_in
from tests.services.courses import visit


@pytest.fixture
def course(staffed, nora_course):
    """Nora's booked course."""
    return nora_course


@pytest.fixture
def infusion(course):
    return visit(course, "infusion-2")


@pytest.fixture
def on_its_day(tmp_path, infusion):
    """Let the server believe that the infusion begins in a quarter of an hour."""
    begins = infusion.start_at - timedelta(minutes=15) - datetime.now(UTC)
    (tmp_path / "clock").write_text(str(begins.total_seconds()))


@pytest.fixture
def alice(page, staffed):
    """Alice's desk, signed in."""
    return sign_in(page, "alice@example.org")


@pytest.fixture
def mona(open_page, live_server, staffed):
    """Mona's desk: a manager."""
    return sign_in(open_page(live_server), "mona@example.org")
