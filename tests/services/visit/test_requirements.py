"""Requirements of a course."""

from datetime import timedelta

import pytest

from scheduler.domain.status import AppointmentStatus
from scheduler.errors import NotFound
from scheduler.services.visit import requirements
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
        requirements.complete(session, actor, care_plan, key, at)
    requirements.complete(session, actor, care_plan, "driver", at, appointment=infusion)


def test_closing_the_last_requirement_books_the_visit(session, paul, care_plan):
    infusion = visit(care_plan, "infusion-1")
    sequence = infusion.sequence
    at = infusion.start_at - timedelta(days=2)
    close_all(session, paul, care_plan, infusion, at)

    assert requirements.open_requirements(infusion) == []
    assert infusion.status is AppointmentStatus.BOOKED
    assert infusion.sequence == sequence + 1


def test_a_requirement_per_session_is_closed_for_one_visit_only(session, paul, care_plan):
    requirements.complete(session, paul, care_plan, "driver", NOW, appointment=visit(care_plan, "infusion-1"))

    assert "driver" not in {
        requirement.key for requirement in requirements.open_requirements(visit(care_plan, "infusion-1"))
    }
    assert "driver" in {
        requirement.key for requirement in requirements.open_requirements(visit(care_plan, "infusion-2"))
    }


def test_a_requirement_that_holds_for_days_opens_again(session, paul, care_plan):
    first, last = visit(care_plan, "infusion-1"), visit(care_plan, "infusion-6")
    requirements.complete(session, paul, care_plan, "pregnancy-test", first.start_at - timedelta(days=1))

    assert "pregnancy-test" not in {requirement.key for requirement in requirements.open_requirements(first)}
    assert "pregnancy-test" in {requirement.key for requirement in requirements.open_requirements(last)}


def test_reopening_makes_the_visit_tentative_again(session, paul, care_plan):
    infusion = visit(care_plan, "infusion-1")
    close_all(session, paul, care_plan, infusion, infusion.start_at - timedelta(days=2))
    requirements.reopen(session, paul, care_plan, "consent", NOW)

    assert infusion.status is AppointmentStatus.PENDING


def test_an_unknown_requirement_is_refused_by_name(session, paul, care_plan):
    with pytest.raises(NotFound, match="no requirement passport"):
        requirements.complete(session, paul, care_plan, "passport", NOW)


def test_a_requirement_per_session_asks_for_the_visit(session, paul, care_plan):
    with pytest.raises(NotFound, match="specify the visit"):
        requirements.complete(session, paul, care_plan, "driver", NOW)
