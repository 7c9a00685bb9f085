from datetime import timedelta

from sqlalchemy import select

from scheduler.domain.status import AppointmentStatus
from scheduler.models.message import Message, MessageKind, MessageState
from scheduler.services.mail import outbox
from tests.cast import NOW
from tests.visits import add_visit

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)


def messages(session, *states):
    found = session.scalars(select(Message).order_by(Message.id))
    return [
        (message.kind, len(message.subjects), message.due_at)
        for message in found
        if message.state in (states or (MessageState.PENDING,))
    ]


def move(session, visit, by):
    visit.start_at += by
    visit.end_at += by
    visit.schedule_version += 1
    session.flush()


def cancel(session, visit):
    visit.status = AppointmentStatus.CANCELLED
    visit.schedule_version += 1
    session.flush()


def stand_again(session, visit):
    visit.status = AppointmentStatus.BOOKED
    visit.schedule_version += 1
    session.flush()


def booked(session, harbor, *days):
    visits = [add_visit(session, harbor, "Chair 1", NOW + day * DAY) for day in days]
    outbox.tell(session, harbor.clinic, visits, NOW)
    return visits


def sent(session):
    for message in session.scalars(select(Message).where(Message.state == MessageState.PENDING)):
        message.state = MessageState.SENT
    session.flush()


def test_a_course_is_confirmed_in_one_mail_a_minute_later(session, harbor):
    booked(session, harbor, 3, 5, 8)

    assert messages(session) == [(MessageKind.CONFIRMATION, 3, NOW + MINUTE)]


def test_a_visit_in_a_rush_is_confirmed_at_once(session, harbor):
    visit = add_visit(session, harbor, "Chair 1", NOW + timedelta(hours=2))
    outbox.tell(session, harbor.clinic, [visit], NOW)

    assert messages(session) == [(MessageKind.CONFIRMATION, 1, NOW)]


def test_a_move_before_the_confirmation_left_changes_the_confirmation(session, harbor):
    visits = booked(session, harbor, 3, 5)
    move(session, visits[0], DAY)
    outbox.tell(session, harbor.clinic, visits[:1], NOW + MINUTE / 2)

    [(kind, count, due_at)] = messages(session)
    assert (kind, count, due_at) == (MessageKind.CONFIRMATION, 2, NOW + MINUTE)


def test_eight_moves_after_the_confirmation_are_one_mail_three_minutes_after_the_first(session, harbor):
    visits = booked(session, harbor, *range(3, 27, 3))
    sent(session)
    for number, visit in enumerate(visits):
        move(session, visit, DAY)
        outbox.tell(session, harbor.clinic, [visit], NOW + number * MINUTE / 3)

    assert messages(session) == [(MessageKind.CHANGE, 8, NOW + 3 * MINUTE)]
    [change] = session.scalars(select(Message).where(Message.kind == MessageKind.CHANGE))
    assert {one.appointment_id for one in change.subjects} == {visit.id for visit in visits}


def test_a_change_mail_keeps_the_time_that_was_told(session, harbor):
    [visit] = booked(session, harbor, 3)
    told = visit.start_at
    sent(session)
    for _ in range(2):
        move(session, visit, DAY)
        outbox.tell(session, harbor.clinic, [visit], NOW)

    [message] = session.scalars(select(Message).where(Message.state == MessageState.PENDING))
    assert message.values["before"][str(visit.id)][0] == told.astimezone(visit.zone).isoformat()


def test_a_move_that_is_moved_back_in_time_is_not_mailed(session, harbor):
    [visit] = booked(session, harbor, 3)
    sent(session)
    for by in (DAY, -DAY):
        move(session, visit, by)
        outbox.tell(session, harbor.clinic, [visit], NOW)

    assert messages(session) == []
    assert len(messages(session, MessageState.VOID)) == 1


def test_a_cancellation_of_what_was_never_told_is_no_mail(session, harbor):
    visits = booked(session, harbor, 3, 5)
    cancel(session, visits[0])
    outbox.tell(session, harbor.clinic, visits[:1], NOW)

    assert messages(session) == [(MessageKind.CONFIRMATION, 1, NOW + MINUTE)]


def test_cancelling_the_rest_of_a_course_is_one_mail(session, harbor):
    visits = booked(session, harbor, 3, 5, 8)
    sent(session)
    for visit in visits:
        cancel(session, visit)
    outbox.tell(session, harbor.clinic, visits, NOW)

    assert messages(session) == [(MessageKind.CANCELLATION, 3, NOW + 3 * MINUTE)]


def test_an_undone_cancellation_leaves_no_mail(session, harbor):
    [visit] = booked(session, harbor, 3)
    sent(session)
    cancel(session, visit)
    outbox.tell(session, harbor.clinic, [visit], NOW)
    stand_again(session, visit)
    outbox.tell(session, harbor.clinic, [visit], NOW + MINUTE)

    assert messages(session) == []


def test_an_undo_after_the_cancellation_left_says_that_it_stands_again(session, harbor):
    [visit] = booked(session, harbor, 3)
    sent(session)
    cancel(session, visit)
    outbox.tell(session, harbor.clinic, [visit], NOW)
    sent(session)
    stand_again(session, visit)
    outbox.tell(session, harbor.clinic, [visit], NOW)

    assert messages(session) == [(MessageKind.CHANGE, 1, NOW + 3 * MINUTE)]


def test_what_the_patient_does_not_see_is_not_mailed(session, harbor):
    visit = add_visit(session, harbor, "Chair 1", NOW + DAY)
    visit.visible = False
    outbox.tell(session, harbor.clinic, [visit], NOW)

    assert messages(session) == []


def test_a_claimed_mail_is_left_alone_and_the_rest_is_told_anew(session, harbor):
    [visit] = booked(session, harbor, 3)
    [claimed] = session.scalars(select(Message))
    claimed.state = MessageState.LEASED
    move(session, visit, DAY)
    outbox.tell(session, harbor.clinic, [visit], NOW)

    assert messages(session, MessageState.LEASED) == [(MessageKind.CONFIRMATION, 1, NOW + MINUTE)]
    assert messages(session) == [(MessageKind.CONFIRMATION, 1, NOW + MINUTE)]
