"""Sixteen programs want the same slot at the same moment, again and again: exactly one gets it each time.

Then once more with the services blinded, so that only the database's guard stands in the way; and, as the control,
without that guard as well.
"""

from collections import Counter

from sqlalchemy import text

from tests.api.conftest import alice, api, travel  # noqa: F401  (fixtures)
from tests.api.test_same_slot import OVERLAPS
from tests.chaos.blindness import blind
from tests.chaos.report import tell
from tests.chaos.settings import FULL, rounds
from tests.engines import both
from tests.models.test_allocation import GUARDS
from tests.races import CROWD, Rush


@both
def test_same_slot(engine_name, session, harbor, alice, monkeypatch):  # noqa: F811
    number = rounds(2, 500)
    rush = Rush(session, harbor, alice)
    found = count(rush, range(number))
    blind(monkeypatch.setattr)
    further = number + max(number // 10, 5 if FULL else 1)
    guarded = count(rush, range(number, further))
    overlaps = session.scalar(OVERLAPS)
    session.rollback()
    control = unguarded(session, rush, further)
    tell(
        "same-slot",
        engine_name,
        {"rounds": number, "programs": CROWD, "with two winners": found[2], "with none": found[0]},
        {"bug": "blind services, no guard", "double bookings": control},
    )

    assert found == Counter({1: number})
    assert set(guarded) == {1}
    assert overlaps == 0
    assert control > 0


def count(rush, numbers):
    """Return how many rounds had how many winners; whoever lost must have been told so."""
    winners = Counter()
    for number in numbers:
        statuses = Counter(answer.status_code for answer in rush.round(number))
        assert set(statuses) <= {201, 409}, statuses
        winners[statuses[201]] += 1
    return winners


def unguarded(session, rush, number):
    """Take the guard out as well and return how many overlaps there are then."""
    drops = {**GUARDS, "sqlite": [*GUARDS["sqlite"], "DROP TRIGGER allocation_overlap_update"]}
    for drop in drops[session.get_bind().dialect.name]:
        session.execute(text(drop))
    session.commit()
    rush.round(number)
    return session.scalar(OVERLAPS)
