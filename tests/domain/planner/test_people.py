"""Who is given to which visit: two people of one role, one person with two roles."""

import pytest

from scheduler.domain.planner import Availability, check, propose
from scheduler.domain.planner.model import Request
from scheduler.domain.plans import Action, Role
from tests.domain.planner.clinics import MONDAY, NOW, calendar, phase, plan, staff

PAIR = (
    phase("session", 60, Role.ROOM, Role.THERAPIST, Role.THERAPIST),
    phase("talk", 20, Role.ROOM, Role.THERAPIST),
)
TWO_NURSES = (phase("infusion", 40, Role.CHAIR, Role.NURSE, Role.NURSE),)


def alone(phases):
    return Request(plan(Action("visit", "visit", "Visit", phases)), MONDAY, count=1)


@pytest.mark.parametrize(("phases", "role"), [(PAIR, Role.THERAPIST), (TWO_NURSES, Role.NURSE)])
def test_two_people_of_one_role_are_each_given_once(phases, role):
    availability = Availability(calendar(3, staff(nurses=2, therapists=2)))
    request = alone(phases)

    (visit,) = propose(request, availability, now=NOW)[0].visits

    first = [s.resource_id for s in visit.segments if s.role is role and s.phase == phases[0].name]
    assert len(first) == len(set(first)) == 2
    assert check(request, availability, [visit], now=NOW) == []
