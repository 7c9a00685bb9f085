"""Preparation times are counted from the visit as it stands, so they move with it."""

from datetime import timedelta

import pytest

from scheduler.models.preparations import steps
from scheduler.services.visit import moves
from tests.cast import NOW
from tests.services.courses import visit

HOUR = timedelta(hours=1)


@pytest.fixture
def infusion(session, harbor, nora_course):
    return visit(nora_course, "infusion-6")


def offsets(appointment, language="en"):
    timed = [step.at for step in steps(appointment, language) if step.at is not None]
    return [at - appointment.start_at for at in timed]


def test_the_times_are_those_of_the_plan(infusion):
    plan = infusion.care_plan.plan_definition.plan
    [lines] = [
        one.lines("en") for one in plan.preparations if one.key == plan.action("infusion-6").preparation
    ]
    length = infusion.end_at - infusion.start_at
    expected = [
        line.offset if line.edge.value == "start" else length + line.offset
        for line in lines
        if line.offset is not None
    ]

    assert offsets(infusion) == expected
    assert min(expected) < timedelta() < max(expected)


def test_they_move_with_the_visit(session, harbor, infusion):
    therapy = visit(infusion.care_plan, "therapy-6")
    before, start = [step.at for step in steps(therapy, "en")], therapy.start_at
    plan = moves.plan_move(session, harbor.actor("alice"), therapy, start + HOUR, NOW)
    moves.apply_moves(session, harbor.actor("alice"), plan, NOW)
    after = [step.at for step in steps(therapy, "en")]

    assert therapy.start_at == start + HOUR
    assert any(before)
    assert after == [at and at + HOUR for at in before]


def test_each_language_has_the_same_times(infusion):
    assert offsets(infusion, "es") == offsets(infusion)


def test_an_unknown_language_has_the_first(infusion):
    assert steps(infusion, "tlh") == steps(infusion, "en")
