from datetime import UTC, datetime, timedelta

import pytest

from scheduler.models.request_count import RequestCount
from scheduler.services.limits import HOUR, Limit, Tally, count, hit, network, take
from tests.engines import both

NOW = datetime(2026, 3, 2, 15, 20, tzinfo=UTC)
LIMIT = Limit("knocks", most=3, per=HOUR)


@both
def test_counts_are_kept_by_who_and_by_stretch(session):
    assert [hit(session, LIMIT, "a", NOW), hit(session, LIMIT, "a", NOW, by=5)] == [1, 6]
    assert hit(session, LIMIT, "b", NOW) == 1
    assert hit(session, LIMIT, "a", NOW + timedelta(minutes=40)) == 1
    assert count(session, LIMIT, "a", NOW) == 6
    assert count(session, LIMIT, "c", NOW) == 0


@both
def test_what_is_left_of_a_limit_can_be_taken(session):
    assert [take(session, LIMIT, "a", wanted, NOW) for wanted in (0, 2, 2, 1)] == [0, 2, 1, 0]
    assert count(session, LIMIT, "a", NOW) == 3
    assert take(session, LIMIT, "a", 9, NOW + HOUR) == 3


@both
def test_past_stretches_are_forgotten(session):
    hit(session, LIMIT, "a", NOW - 3 * HOUR)
    hit(session, Limit("rings", 3, HOUR), "a", NOW - 3 * HOUR)
    hit(session, LIMIT, "a", NOW)

    kept = {(row.limit_name, row.begins_at.hour) for row in session.query(RequestCount)}
    assert kept == {("knocks", 15), ("rings", 12)}


def test_nobody_is_kept_by_name(session):
    hit(session, LIMIT, "192.0.2.7", NOW)

    assert [row.digest for row in session.query(RequestCount) if "192" in row.digest[:4]] == []
    assert len(session.query(RequestCount).one().digest) == 64


def test_a_stretch_ends_in_whole_seconds():
    assert LIMIT.ends_in(NOW) == 40 * 60 + 1


@pytest.mark.parametrize(
    "address, whose",
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        (None, "unknown"),
        ("localhost", "unknown"),
    ],
)
def test_whom_an_address_stands_for(address, whose):
    assert network(address) == whose


def test_a_tally_adds_in_steps_and_remembers_who_is_over():
    tally = Tally(LIMIT, step=2)

    assert [tally.due("a", NOW) for _ in range(4)] == [0, 2, 0, 2]
    tally.learn("a", 3)
    assert not tally.is_over("a", NOW)
    tally.learn("a", 4)
    assert tally.is_over("a", NOW)
    assert not tally.is_over("b", NOW)
    assert not tally.is_over("a", NOW + HOUR)
