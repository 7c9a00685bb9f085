"""Who could take an opened time: exactly those whom the service that books could put there, and in which order."""

import pytest

from scheduler.services.waitlist.who_fits import candidates
from tests.services.waitlist.crowd import Crowd
from tests.services.waitlist.every_start import every_candidate, told


@pytest.mark.parametrize("seed", range(12))
def test_the_same_are_found_as_by_planning_everyone_at_every_start(session, harbor, seed):
    crowd = Crowd(session, harbor, seed)
    session.expire_all()
    found = candidates(session, crowd.actor, crowd.opening, crowd.now)

    assert told(found) == told(every_candidate(session, crowd.actor, crowd.opening, crowd.now))
