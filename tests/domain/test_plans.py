"""A plan without some of its actions: what followed them still follows something."""

from datetime import timedelta

import pytest

from scheduler.domain.plans import Action, Edge, Offset, Phase, Plan, Unit

VISIT = (Phase("visit", timedelta(minutes=30), ()),)


def action(key, offset=None, before=None):
    return Action(key, "visit", key.title(), VISIT, offset=offset, before=before)


def days(after, least, target, most, **more):
    return Offset(after, Unit.DAYS, least, target, most, **more)


def plan(*actions):
    return Plan("any", 1, "Any", "", "", actions)


@pytest.fixture
def chain():
    return plan(
        action("consult"),
        action("consent", days("consult", 0, 2, 7, edge=Edge.END)),
        action("first", days("consent", 1, 3, 14, hard=True)),
        action("second", days("first", 2, 3, 5)),
    )


def test_without_no_action_the_plan_is_the_same(chain):
    assert chain.without(frozenset()) == chain


def test_what_followed_a_step_follows_the_one_before_it(chain):
    without = chain.without({"consent"})

    assert [one.key for one in without.actions] == ["consult", "first", "second"]
    assert without.action("first").offset == days("consult", 1, 5, 21, edge=Edge.END)
    assert without.action("second").offset == chain.action("second").offset


def test_what_followed_the_first_step_is_first(chain):
    assert chain.without({"consult", "consent"}).actions[0] == action("first")


def test_over_two_steps_the_gaps_add_up(chain):
    assert chain.without({"consent", "first"}).action("second").offset == days(
        "consult", 2, 8, 26, edge=Edge.END
    )


@pytest.mark.parametrize(
    ("outer", "inner", "joined"),
    [
        ((Unit.HOURS, 24, 48, 72), (Unit.DAYS, 1, 2, 3), (1, 4, 6)),
        ((Unit.DAYS, 1, 2, 3), (Unit.HOURS, 24, 47, 73), (1, 3, 7)),
        ((Unit.WORKING_DAYS, 1, 5, 10), (Unit.DAYS, 2, 3, 4), (2, 10, 20)),
    ],
)
def test_gaps_of_two_units_add_up_in_days(outer, inner, joined):
    three = plan(
        action("one"),
        action("two", Offset("one", *outer)),
        action("three", Offset("two", *inner)),
    )

    assert three.without({"two"}).action("three").offset == days("one", *joined)


def test_a_visit_that_went_before_one_left_out_goes_before_none():
    therapy = action("therapy", days("first", 1, 1, 2), before="second")
    course = plan(action("first"), action("second", days("first", 2, 3, 5)), therapy)

    assert course.without({"second"}).action("therapy").before is None
