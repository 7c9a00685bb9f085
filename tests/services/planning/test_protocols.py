"""Every shipped protocol can be planned at a small clinic."""

import pytest

from scheduler.services.planning import proposals
from tests.cast import NOW, shipped
from tests.services.courses import wishes


@pytest.mark.parametrize("key", [plan.key for plan in shipped()])
def test_a_course_of_each_protocol_is_proposed(session, harbor, key):
    best = proposals.propose(session, harbor.actor("alice"), wishes(session, harbor, key), NOW)[0]
    plan = next(plan for plan in shipped() if plan.key == key)

    assert sorted(one.action for one in best.visits) == sorted(action.key for action in plan.firm)
