"""The spacing of dosing visits, as values."""

from datetime import date, timedelta

from scheduler.domain.dosing import DosingVisit, too_close
from scheduler.domain.plans import DosingGap

START = date(2026, 12, 1)
NEW = object()


def visit(number, on, days=2, course=1, before=NEW, hard=False):
    """Return a visit some days after START; `before` is the day on which it counted before, None for a new one."""
    day = START + timedelta(on)
    former = day if before is NEW else None if before is None else START + timedelta(before)
    return DosingVisit(number, f"infusion-{number}", "Infusion", course, day, former, DosingGap(days, hard))


def pairs(*visits, since=START):
    return [(one.earlier.id, one.later.id, one.needed.days) for one in too_close(visits, since)]


def test_inside_a_course_the_later_step_says_how_far():
    assert pairs(visit(1, 0, days=7), visit(2, 2, days=2, before=None)) == []
    assert pairs(visit(1, 0, days=2), visit(2, 2, days=7, before=None)) == [(1, 2, 7)]


def test_between_courses_the_larger_gap_holds():
    assert pairs(visit(1, 0, days=7), visit(2, 5, days=2, course=2, before=None)) == [(1, 2, 7)]
    assert pairs(visit(1, 0, days=2), visit(2, 5, days=7, course=None, before=None)) == [(1, 2, 7)]


def test_two_visits_without_a_course_are_not_of_one_course():
    found = too_close([visit(1, 0, 7, None), visit(2, 5, 2, None, before=None)], START)

    assert [one.needed for one in found] == [DosingGap(7)]


def test_a_hard_gap_of_either_makes_it_hard():
    found = too_close([visit(1, 0, 2, 1, hard=True), visit(2, 1, 2, 2, before=None)], START)

    assert [(one.needed.hard, one.days) for one in found] == [(True, 1)]


def test_visits_that_are_not_next_to_each_other_are_compared_too():
    assert pairs(visit(1, 0, days=10), visit(2, 12, days=2), visit(3, 9, days=2, course=2, before=None)) == [
        (1, 3, 10)
    ]


def test_what_did_not_change_is_left_alone():
    assert pairs(visit(1, 0), visit(2, 1)) == []


def test_a_pair_that_comes_no_closer_is_left_alone():
    assert pairs(visit(1, 3, before=0), visit(2, 4, before=1)) == []
    assert pairs(visit(1, 3, before=0), visit(2, 4, before=2)) == [(1, 2, 2)]


def test_a_pair_that_is_over_is_left_alone():
    two = (visit(1, 0), visit(2, 1, before=None))

    assert pairs(*two, since=START + timedelta(2)) == []
    assert pairs(*two, since=START + timedelta(1)) == [(1, 2, 2)]
