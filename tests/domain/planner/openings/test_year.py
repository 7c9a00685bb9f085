"""A few weeks of the simulated year: offers keep every rule, and a list that knows no courses promises too much."""

from tests.benchmarks.waitlist_year import Policy, Year


def test_offers_that_keep_the_spacing_break_no_rule():
    weeks = Year(Policy.SPACING, 1, 1, warm_up=1).run()

    assert weeks.counts["moved"] > 1
    assert not weeks.violations


def test_most_who_say_yes_to_a_list_are_refused():
    weeks = Year(Policy.LIST, 1, 2, warm_up=1).run()

    assert weeks.counts["refused"] > weeks.counts["moved"]
    assert not weeks.violations

    # and the count of violations is not blind
    course = next(one for one in weeks.clinic.courses.values() if len(one.visits) > 2)
    course.visits["infusion-2"] = course.visits["infusion-1"]
    assert weeks.violations
