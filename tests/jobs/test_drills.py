"""The smoke of the delivery drills: a few rounds of each, with their controls, in every run of the tests."""

import pytest

from tests.chaos.drill_hell import test_the_server_from_hell as hell
from tests.chaos.drill_kills import kills
from tests.chaos.drill_races import test_cancel_against_send as cancel_against_send
from tests.chaos.drill_year import test_a_year as a_year
from tests.engines import both


@both
@pytest.mark.parametrize("policy", ["resend", "hold"])
def test_killed_senders_lose_nothing(app, harbor, tmp_path, policy):
    found = kills(app, harbor, tmp_path, 6, policy)

    assert (found.lost, found.silent, found.unflagged) == (0, 0, 0)
    assert found.most_copies <= (2 if policy == "resend" else 1)


@both
def test_a_mail_server_from_hell_is_understood(engine_name, app, harbor, tmp_path):
    hell(engine_name, app, harbor, tmp_path)


@both
def test_no_mail_passes_a_cancellation(engine_name, app, harbor, tmp_path):
    cancel_against_send(engine_name, app, harbor, tmp_path)


def test_a_year_passes(session):
    a_year(session, "America/New_York")
