"""How a patient kept appointments before."""

from datetime import timedelta

import pytest

from scheduler.services.visit import visit_story, visits
from scheduler.services.visit.undo import undo
from tests.cast import NOW
from tests.engines import both
from tests.services.courses import visit

MINUTE = timedelta(minutes=1)
LATER = NOW + timedelta(days=60)


@pytest.fixture
def alice(harbor):
    return harbor.actor("alice")


@both
def test_late_missed_and_called_off_visits_are_counted(session, harbor, alice, nora_course):
    course = nora_course
    on_time, late, missed, by_patient, by_clinic = (visit(course, f"therapy-{n}") for n in range(1, 6))
    visits.arrive(session, alice, on_time, on_time.start_at + 4 * MINUTE)
    visits.arrive(session, alice, late, late.start_at + 5 * MINUTE)
    visits.check_in(session, alice, late, late.start_at + 9 * MINUTE)
    visits.fulfill(session, alice, late, late.end_at)
    visits.mark_noshow(session, alice, missed, missed.start_at + 30 * MINUTE)
    visits.cancel(session, alice, [by_patient], NOW, side="patient")
    visits.cancel(session, alice, [by_clinic], NOW, side="clinic")

    assert visit_story.record_of(session, course.patient, LATER) == visit_story.Record(1, 1, 1, 1)
    beside = visit_story.record_of(session, course.patient, LATER, missed)
    assert beside.missed == 0  # a no-show is not one that was before itself


def test_an_arrival_that_was_taken_back_does_not_count(session, harbor, alice, nora_course):
    course = nora_course
    therapy = visit(course, "therapy-1")
    visits.arrive(session, alice, therapy, therapy.start_at + 20 * MINUTE)
    undo(session, alice, therapy, "arrive", therapy.start_at + 21 * MINUTE)
    assert visit_story.record_of(session, course.patient, LATER).late == 0

    visits.arrive(session, alice, therapy, therapy.start_at + 25 * MINUTE)
    assert visit_story.record_of(session, course.patient, LATER).late == 1
