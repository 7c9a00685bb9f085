"""What would give a course a place: each suggestion is solved, named, and the smallest of its kind."""

from dataclasses import replace
from datetime import timedelta

import pytest

from scheduler.domain.planner import Availability, Weights, check, propose
from scheduler.domain.planner.many.occupation import Occupation
from scheduler.domain.planner.many.search import replan
from scheduler.domain.planner.many.values import AffectedCourse, Bend
from scheduler.domain.planner.values import Request
from scheduler.domain.windows import Window
from tests.domain.planner.clinics import MONDAY, NOW, at, calendar, course, day, staff
from tests.domain.planner.many.test_search import always, closed_on, one_course

PLAN = course(2, (2, 2, 2), therapy=False)


def unplaced(affected, shut):
    [found] = replan([affected], shut, Weights(), now=NOW, go_on=always).unplaced
    return found.suggestions


@pytest.fixture
def closed():
    """A course whose second infusion is lost: the clinic is closed from that day on, for a number of days."""

    def closed(days, longer=3, **wishes):
        free, request, current, occupation = one_course(staff(), PLAN, **wishes)
        start = current["infusion-2"].start
        shut = closed_on(
            free, [Window(start - timedelta(hours=10), start + timedelta(days=days))], occupation
        )
        kept = replace(request, pinned={"infusion-1": current["infusion-1"].start})
        return AffectedCourse(1, 1, kept, current, frozenset({"infusion-2"}), longer=longer), shut

    return closed


def test_a_longer_wait_is_the_shortest_that_helps(closed):
    affected, shut = closed(5.5, longer=0)
    empty = Availability(shut.calendar)
    found = {one.text: one.plan for one in unplaced(affected, shut)}
    [wait] = [text for text in found if "more before" in text]
    [visit] = [one for one in found[wait].visits if one.action == "infusion-2"]

    assert wait == "Up to 6 days more before infusion 2 than the protocol allows"
    assert found[wait].bent == (Bend.SPACING,) and found[wait].bent_gaps == ("infusion-2",)
    bent = replace(affected.request, slack={"infusion-2": (2, 8)})
    assert check(bent, empty, found[wait].visits, now=NOW) == []
    assert visit.start.date() == day(8)


def test_a_visit_that_was_kept_is_named_as_one_that_could_move(closed):
    affected, shut = closed(5.5, longer=0)
    found = {one.text: one.plan for one in unplaced(affected, shut)}
    plan = found["Move infusion 1, which was kept"]

    assert plan.bent == ()
    assert {change.action for change in plan.changes} == {"infusion-1", "infusion-2"}


def test_a_date_on_which_the_patient_is_away_is_asked_for(closed):
    affected, shut = closed(0.5, longer=0)
    away = frozenset(day(n) for n in range(3, 30))
    second = affected.current["infusion-2"].start.date()
    request = replace(affected.request, plan=course(2, (2, 2, 3), therapy=False), blocked_on=away)
    found = unplaced(replace(affected, request=request), shut)
    dates = [one for one in found if one.plan.bent == (Bend.DATE,)]

    assert second == day(2)
    assert [one.text for one in dates] == ["If the patient can come on Thu, Dec 3 after all"]


def test_more_staff_is_named_where_nothing_else_helps():
    free, request, current, occupation = one_course(staff(), course(1, therapy=True))
    [therapist] = [one.id for one in free.resources if "therapist" in one.name]
    away = {therapist: [Window(at(day(0), "00:00"), at(day(42), "00:00"))]}
    shut = Availability(replace(occupation.availability.calendar, closures=away))
    found = unplaced(AffectedCourse(1, 1, request, current, frozenset({"therapy-1"})), shut)

    assert found and all(one.plan is None and one.text.startswith("One more therapist") for one in found)


def test_only_waits_that_must_be_longer_are_named():
    """Both closures push a visit: the second and the third, but not the fourth, which follows as it did."""
    free = calendar(42, staff(), open_on=[day(number) for number in range(42)])
    request = Request(course(4, (2, 2, 2), therapy=False), MONDAY, count=1)
    visits = propose(request, Availability(free), now=NOW)[0].visits
    occupation = Occupation(Availability(free), {})
    occupation.occupy(1, visits)
    closed = [
        Window(at(day(1), "00:00"), at(day(6), "00:00")),
        Window(at(day(7), "00:00"), at(day(10), "00:00")),
    ]
    current = {visit.action: visit for visit in visits}
    kept = replace(request, pinned={"infusion-1": visits[0].start})
    lost = frozenset({"infusion-2", "infusion-3"})
    affected = AffectedCourse(1, 1, kept, current, lost, longer=0)
    found = unplaced(affected, closed_on(free, closed, occupation))

    texts = [one.text for one in found if one.plan and Bend.SPACING in one.plan.bent]
    assert texts == ["Up to 4 days more before infusion 2 and infusion 3 than the protocol allows"]
