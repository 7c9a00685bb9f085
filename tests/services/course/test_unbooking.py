"""Taking the booking of a course back."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from scheduler.domain.status import AppointmentStatus, CarePlanStatus
from scheduler.errors import WrongStatus
from scheduler.models.allocation import Allocation
from scheduler.models.message import Message, MessageKind, MessageState
from scheduler.models.reminder import Reminder, ReminderState
from scheduler.services.course import unbooking
from scheduler.services.visit import visit_story, visits
from tests.cast import NOW
from tests.engines import both
from tests.services.courses import book, visit

SOON = NOW + timedelta(seconds=30)


@pytest.fixture
def alice(harbor):
    return harbor.actor("alice")


@both
def test_a_booking_taken_back_leaves_no_time_no_mail_and_no_mark(session, harbor, alice, nora_course):
    course = nora_course
    unbooking.unbook(session, alice, course, SOON)

    held = select(func.count()).select_from(Allocation).where(Allocation.released_at.is_(None))
    assert session.scalar(held) == 0
    assert course.status is CarePlanStatus.ENTERED_IN_ERROR
    assert {one.status for one in course.appointments} == {AppointmentStatus.ENTERED_IN_ERROR}
    assert {message.state for message in session.scalars(select(Message))} == {MessageState.VOID}
    open_rows = [row for row in session.scalars(select(Reminder)) if row.state is ReminderState.PENDING]
    assert open_rows == []
    later = visit_story.record_of(session, course.patient, NOW + timedelta(days=99))
    assert (later.missed, later.called_off) == (0, 0)


def test_the_same_course_can_be_booked_again(session, harbor, alice, nora_course):
    first = nora_course
    starts = [one.start_at for one in first.appointments]
    unbooking.unbook(session, alice, first, SOON)

    assert [one.start_at for one in book(session, harbor, now=SOON).appointments] == starts


def test_who_was_told_already_gets_a_cancellation(session, harbor, alice, nora_course):
    course = nora_course
    for message in session.scalars(select(Message)):
        message.state = MessageState.SENT
    session.flush()
    unbooking.unbook(session, alice, course, SOON)

    kinds = [
        (message.kind, message.state) for message in session.scalars(select(Message).order_by(Message.id))
    ]
    assert kinds[-1] == (MessageKind.CANCELLATION, MessageState.PENDING)


def test_a_reservation_is_taken_back_too(session, harbor, alice):
    course = book(session, harbor, reserve_minutes=30)
    unbooking.unbook(session, alice, course, SOON)

    assert (course.status, course.expires_at) == (CarePlanStatus.ENTERED_IN_ERROR, None)


def test_it_is_too_late_after_some_minutes(session, harbor, alice, nora_course):
    course = nora_course

    with pytest.raises(WrongStatus, match="too late"):
        unbooking.unbook(session, alice, course, NOW + timedelta(minutes=11))


def test_what_has_happened_to_a_visit_keeps_the_course(session, harbor, alice, nora_course):
    course = nora_course
    visits.confirm(session, alice, visit(course, "infusion-1"), SOON)

    with pytest.raises(WrongStatus, match="Its visits have changed since"):
        unbooking.unbook(session, alice, course, SOON)


def test_it_is_taken_back_once(session, harbor, alice, nora_course):
    course = nora_course
    unbooking.unbook(session, alice, course, SOON)

    with pytest.raises(WrongStatus, match="entered in error"):
        unbooking.unbook(session, alice, course, SOON)
