from datetime import timedelta

import pytest

from scheduler.domain.status import AppointmentStatus
from scheduler.services.day import duties
from scheduler.services.visit import requirements
from tests.cast import NOW
from tests.services.courses import book, visit

MINUTE = timedelta(minutes=1)


@pytest.fixture
def course(session, harbor):
    return book(session, harbor, "esketamine-nasal")


def found(session, harbor, now):
    return [(one.title, one.due_at) for one in duties.of_clinic(session, harbor.clinic, now)]


def test_enrollment_is_due_before_the_first_dose(session, harbor, course):
    first = visit(course, "session-1")
    titles = [title for title, due_at in found(session, harbor, NOW) if due_at == first.start_at]
    assert "REMS enrollment" in titles

    requirements.complete(session, harbor.prescriber, course, "rems-enrollment", NOW)
    assert "REMS enrollment" not in [title for title, _ in found(session, harbor, NOW)]


def test_a_form_is_due_within_seven_days_of_a_session(session, harbor, course):
    first = visit(course, "session-1")
    first.status = AppointmentStatus.FULFILLED
    now = first.end_at + MINUTE
    [(title, due_at)] = found(session, harbor, now)

    assert title == "REMS monitoring form"
    assert (
        due_at.astimezone(first.zone).date() - first.local_start.date()
    ).days == 8  # midnight after the 7th day
    requirements.complete(session, harbor.prescriber, course, "rems-monitoring-form", now, first)
    assert found(session, harbor, now) == []


def test_a_patient_is_observed_before_release(session, harbor, course):
    first = visit(course, "session-1")
    first.status = AppointmentStatus.CHECKED_IN

    assert ("Observe until release", first.end_at) in found(session, harbor, first.start_at)


def test_other_protocols_have_no_duties_here(session, harbor, nora_course):
    assert found(session, harbor, NOW) == []
