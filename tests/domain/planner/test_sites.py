"""A course at one site is planned as if the other sites had no chairs and rooms."""

from dataclasses import replace
from random import Random

import pytest

from scheduler.domain import planner
from scheduler.domain.planner import Availability
from scheduler.domain.planner.values import NoFit, Request
from scheduler.domain.plans import Role
from tests.domain.planner.clinics import MONDAY, NOW, course, protocol, random_calendar, staff

HERE, THERE = 901, 902


def divided(calendar):
    """Return the calendar with its chairs and rooms at two sites by turns."""
    places = [one for one in calendar.resources if one.roles & {Role.CHAIR, Role.ROOM}]
    at = {one.id: (HERE, THERE)[number % 2] for number, one in enumerate(places)}
    return replace(calendar, resources=tuple(replace(one, site=at.get(one.id)) for one in calendar.resources))


def best(plan, calendar):
    try:
        return planner.propose(Request(plan, MONDAY, count=1), Availability(calendar), now=NOW)[0]
    except NoFit as refused:
        return refused.reasons


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("site", [HERE, THERE])
def test_it_is_the_course_of_a_clinic_that_has_this_site_alone(seed, site):
    resources = staff(chairs=4, rooms=2, nurses=2)
    calendar = divided(random_calendar(Random(seed), 60, 0.3, resources))
    plan = course(infusions=3)
    alone = replace(calendar, resources=tuple(one for one in calendar.resources if one.site in (None, site)))

    found = best(plan.at(site), calendar)
    assert found == best(plan, alone)
    assert not isinstance(found, tuple), "the calendars leave room for a course"


def test_one_visit_of_a_plan_may_be_elsewhere():
    plan = protocol("iv-depression-6").at(HERE)
    moved = plan.with_site("infusion-2", THERE)

    assert {one.key for one in moved.actions if one.site == THERE} == {"infusion-2"}
    assert moved.with_site("infusion-2", HERE) == plan
    assert plan.at(None) is plan
