"""Proposed visits come onto the desk's list when their time is near, and leave it when they are booked."""

from datetime import timedelta

from scheduler.domain.status import AppointmentStatus
from scheduler.services.course import boosters, careplans
from scheduler.services.course.booster_tasks import to_book
from tests.cast import NOW
from tests.services.courses import visit

DAY = timedelta(days=1)


def test_a_booster_comes_up_three_weeks_before_and_goes_when_it_is_booked(session, harbor, hill, nora_course):
    care_plan = nora_course
    booster = visit(care_plan, "booster-1")
    early = booster.start_at - 22 * DAY
    near = booster.start_at - 20 * DAY
    lists = [to_book(session, harbor.clinic, early), to_book(session, harbor.clinic, near)]
    others = to_book(session, hill.clinic, near)
    start = booster.start_at.replace(hour=15, minute=0)
    boosters.book_proposed(session, harbor.actor("alice"), booster, start, near)

    assert [[one.action for one in found] for found in lists] == [[], ["booster-1"]]
    assert (others, to_book(session, harbor.clinic, near)) == ([], [])


def test_a_course_that_was_stopped_wants_nothing(session, harbor, nora_course):
    care_plan = nora_course
    booster = visit(care_plan, "booster-1")
    careplans.revoke(session, harbor.actor("alice"), care_plan, NOW, "moved away")

    assert booster.status is AppointmentStatus.CANCELLED
    assert to_book(session, harbor.clinic, booster.start_at) == []
