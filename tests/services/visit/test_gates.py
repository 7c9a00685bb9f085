"""Gates of a course."""

from datetime import timedelta

import pytest

from scheduler.domain.status import AppointmentStatus
from scheduler.errors import NotFound
from scheduler.services.visit import gates
from tests.cast import NOW
from tests.services.courses import visit

ONCE = ("psychiatric-evaluation", "medical-clearance", "consent")


@pytest.fixture
def care_plan(session, harbor, nora_course):
    return nora_course


@pytest.fixture
def paul(harbor):
    return harbor.prescriber


def close_all(session, actor, care_plan, infusion, at):
    for key in (*ONCE, "pregnancy-test"):
        gates.close(session, actor, care_plan, key, at)
    gates.close(session, actor, care_plan, "driver", at, appointment=infusion)


def test_closing_the_last_gate_books_the_visit(session, paul, care_plan):
    infusion = visit(care_plan, "infusion-1")
    sequence = infusion.sequence
    at = infusion.start_at - timedelta(days=2)
    close_all(session, paul, care_plan, infusion, at)

    assert gates.open_gates(infusion) == []
    assert infusion.status is AppointmentStatus.BOOKED
    assert infusion.sequence == sequence + 1


def test_a_gate_per_session_is_closed_for_one_visit_only(session, paul, care_plan):
    gates.close(session, paul, care_plan, "driver", NOW, appointment=visit(care_plan, "infusion-1"))

    assert "driver" not in {gate.key for gate in gates.open_gates(visit(care_plan, "infusion-1"))}
    assert "driver" in {gate.key for gate in gates.open_gates(visit(care_plan, "infusion-2"))}


def test_a_gate_that_holds_for_days_opens_again(session, paul, care_plan):
    first, last = visit(care_plan, "infusion-1"), visit(care_plan, "infusion-6")
    gates.close(session, paul, care_plan, "pregnancy-test", first.start_at - timedelta(days=1))

    assert "pregnancy-test" not in {gate.key for gate in gates.open_gates(first)}
    assert "pregnancy-test" in {gate.key for gate in gates.open_gates(last)}


def test_reopening_makes_the_visit_tentative_again(session, paul, care_plan):
    infusion = visit(care_plan, "infusion-1")
    close_all(session, paul, care_plan, infusion, infusion.start_at - timedelta(days=2))
    gates.reopen(session, paul, care_plan, "consent", NOW)

    assert infusion.status is AppointmentStatus.PENDING


def test_an_unknown_gate_is_refused_by_name(session, paul, care_plan):
    with pytest.raises(NotFound, match="no gate passport"):
        gates.close(session, paul, care_plan, "passport", NOW)


def test_a_gate_per_session_asks_for_the_visit(session, paul, care_plan):
    with pytest.raises(NotFound, match="say which"):
        gates.close(session, paul, care_plan, "driver", NOW)
