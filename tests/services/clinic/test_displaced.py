"""One question tells which visits are displaced, and no reminder of such a visit is sent."""

from datetime import time, timedelta

import pytest
from sqlalchemy import select

from scheduler.domain.localtime import local_on
from scheduler.domain.message_reasons import MessageReason
from scheduler.models.message import Message, MessageState
from scheduler.models.reminder import Reminder, ReminderState
from scheduler.services.clinic import displaced, schedules
from scheduler.services.mail import call_list, delivery, due, leases, letters
from tests.cast import NOW
from tests.engines import both
from tests.services.courses import visit

HEAD = letters.Letterhead("https://s.example", ("k" * 40,), "clinic@example.org")
HOUR = timedelta(hours=1)


@pytest.fixture
def infusion(nora_course):
    return visit(nora_course, "infusion-1")


def affected(session, harbor):
    return {one.visit.action: one.unavailable for one in displaced.ahead(session, harbor.clinic, NOW)}


def close(session, harbor, infusion, resource=None):
    start, end = infusion.start_at - HOUR, infusion.start_at + HOUR
    return schedules.close(session, harbor.actor("mona"), start, end, NOW, resource)[0]


def reminder_of(session, infusion):
    query = select(Reminder).where(
        Reminder.appointment_id == infusion.id, Reminder.state == ReminderState.PENDING
    )
    return session.scalars(query.order_by(Reminder.due_at.desc())).first()


def test_nothing_is_displaced_where_a_course_was_just_booked(session, harbor, nora_course):
    assert affected(session, harbor) == {}


def test_a_closure_displaces_and_its_end_does_not(session, harbor, infusion):
    closure = close(session, harbor, infusion)
    assert affected(session, harbor)["infusion-1"] == (harbor.clinic.name,)

    schedules.reopen(session, harbor.actor("mona"), closure, NOW)
    session.flush()
    assert affected(session, harbor) == {}


def test_a_leave_displaces_the_visits_of_that_person_alone(session, harbor, infusion):
    person = infusion.practitioners[0]
    close(session, harbor, infusion, person.resource)

    assert affected(session, harbor) == {"infusion-1": (person.name,)}


def test_special_hours_displace_what_they_leave_out(session, harbor, infusion):
    on = local_on(infusion.start_at, infusion.zone)
    schedules.set_override(session, harbor.actor("mona"), None, on, [(time(5), time(6))], NOW)
    session.flush()

    assert "infusion-1" in affected(session, harbor)


@pytest.mark.parametrize("of", [lambda one: one.location, lambda one: one.practitioners[0]])
def test_what_is_retired_displaces_its_visits(session, harbor, infusion, of):
    of(infusion).active = False
    session.flush()

    assert of(infusion).name in affected(session, harbor)["infusion-1"]


@both
def test_a_reminder_waits_while_its_visit_is_displaced_and_goes_when_it_no_longer_is(
    session, harbor, infusion
):
    reminder = reminder_of(session, infusion)
    now, closure = reminder.due_at, close(session, harbor, infusion)
    due.collect(session, now)
    assert reminder.state is ReminderState.PENDING

    schedules.reopen(session, harbor.actor("mona"), closure, now)
    due.collect(session, now + due.NEXT_LOOK)
    assert reminder.state is ReminderState.QUEUED


def test_at_its_expiry_it_is_skipped_and_the_desk_calls(session, harbor, infusion):
    reminder = reminder_of(session, infusion)
    close(session, harbor, infusion)
    reminder.due_at = reminder.expires_at - due.NEXT_LOOK
    due.collect(session, reminder.due_at)

    assert (reminder.state, reminder.reason_code) == (ReminderState.SKIPPED, MessageReason.DISPLACED)
    called = call_list.calls(session, harbor.clinic, min(NOW, infusion.start_at - HOUR))
    assert infusion in [one for call in called for one in call.visits]


@both
def test_the_sending_check_refuses_a_reminder_that_was_composed_before_the_closure(session, harbor, infusion):
    reminder = reminder_of(session, infusion)
    now = reminder.due_at
    for message in session.scalars(select(Message).where(Message.state == MessageState.PENDING)):
        message.state = MessageState.VOID
    due.collect(session, now)
    [leased] = (one for one in leases.claim(session, "token", now, 9) if one.id == reminder.message_id)
    letter = letters.compose(session, leased, HEAD, now)
    assert isinstance(letter, letters.Letter)
    close(session, harbor, infusion)

    assert not delivery.pass_sending_check(session, letter, now)
    delivery.refused_by_sending_check(session, letter, now)
    session.refresh(reminder)
    assert reminder.state is ReminderState.PENDING
