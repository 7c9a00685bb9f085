from datetime import timedelta

import pytest

from scheduler.domain.plans import MissedDose
from scheduler.services.course import make_ups, missed_doses
from scheduler.services.visit import moves, visits
from tests.cast import NOW
from tests.services.courses import book, visit


@pytest.fixture
def course(session, harbor):
    return book(session, harbor, "esketamine-nasal")


def said(session, course):
    return [(one.visit.action, one.late_by, one.unit) for one in missed_doses.of_course(session, course)]


def test_nothing_is_said_of_a_course_that_is_on_time(session, course):
    assert said(session, course) == []


def test_a_canceled_dose_brings_what_the_protocol_says_of_its_position(session, harbor, course):
    visits.cancel(session, harbor.prescriber, [visit(course, "session-3"), visit(course, "session-10")], NOW)
    [early, late] = missed_doses.of_course(session, course)

    assert early.rule.advice.startswith("Continue with the next session")
    assert late.rule.advice.startswith("If depression is worse")
    assert "prescribing information" in late.rule.source
    assert missed_doses.of_visit(session, late.visit) == late


def test_a_visit_without_the_drug_is_not_a_missed_dose(session, harbor, course):
    visits.cancel(session, harbor.prescriber, [visit(course, "therapy-1")], NOW)

    assert said(session, course) == []


def test_a_dose_that_is_made_up_for_is_not_missed(session, harbor, course):
    gone = visit(course, "session-3")
    visits.cancel(session, harbor.prescriber, [gone], NOW)
    made = make_ups.plan_make_up(session, harbor.prescriber, gone, NOW)
    make_ups.book_make_up(session, harbor.prescriber, made, NOW)

    assert "session-3" not in [action for action, _, _ in said(session, course)]


def test_a_dose_beyond_its_longest_gap_is_late(session, harbor, course):
    last = visit(course, "session-12")
    start = last.start_at + timedelta(days=7)
    planned = moves.plan_move(session, harbor.prescriber, last, start, NOW, override_reason="away for work")
    moves.apply_moves(session, harbor.prescriber, planned, NOW, override_reason="away for work")
    [(action, late_by, unit)] = said(session, course)

    assert (action, unit) == ("session-12", "days")
    assert late_by >= 1


def test_a_rule_is_about_its_positions(course):
    action = course.plan_definition.plan.action
    rule = MissedDose("session", "go on", "ours", 2, 3)

    assert [rule.is_about(action(f"session-{n}")) for n in (1, 2, 3, 4)] == [False, True, True, False]
    assert not rule.is_about(action("maintenance-2"))
