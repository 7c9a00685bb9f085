from datetime import timedelta

import pytest
from sqlalchemy import select

from scheduler.domain.status import AppointmentStatus
from scheduler.models.message import Message, MessageKind, MessageState, MessageSubject
from scheduler.models.reminder import Reminder
from scheduler.services.mail import outbox
from scheduler.services.mail.due import collect
from scheduler.services.visit import moves, undo, visits
from tests.cast import NOW
from tests.services.courses import book
from tests.services.mail.sending import flat, send_due, text_of

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


@pytest.fixture
def therapy(session, harbor):
    found = next(one for one in book(session, harbor).appointments if one.action == "therapy-6")
    send_due(session, NOW + 5 * MINUTE)
    return found


def kinds(session, visit, since):
    """Return what was sent about this visit."""
    about = Message.subjects.any(MessageSubject.appointment_id == visit.id)
    query = select(Message.kind).where(about, Message.state == MessageState.SENT, Message.created_at > since)
    return list(session.scalars(query.order_by(Message.id)))


def run(session, now):
    collect(session, now)
    return send_due(session, now)


def test_a_change_and_the_reminder_that_falls_due_meanwhile_are_one_mail(session, harbor, therapy):
    before = therapy.start_at - 72 * HOUR
    at = before - 2 * MINUTE  # the reminder of the former time is due in two minutes
    planned = moves.plan_move(session, harbor.actor("alice"), therapy, therapy.start_at + 5 * MINUTE, at)
    moves.apply_moves(session, harbor.actor("alice"), planned, at)
    for minute in range(20):
        run(session, at + minute * MINUTE)

    assert kinds(session, therapy, at - MINUTE) == [MessageKind.CHANGE]
    skipped = session.scalars(select(Reminder.reason_code).where(Reminder.appointment_id == therapy.id))
    assert "announced" in list(skipped)


def test_a_reminder_hours_after_a_change_is_sent(session, harbor, therapy):
    at = therapy.start_at - 80 * HOUR
    planned = moves.plan_move(session, harbor.actor("alice"), therapy, therapy.start_at + 5 * MINUTE, at)
    moves.apply_moves(session, harbor.actor("alice"), planned, at)
    run(session, at + 4 * MINUTE)
    run(session, therapy.start_at - 72 * HOUR)

    assert kinds(session, therapy, at - MINUTE) == [MessageKind.CHANGE, MessageKind.REMINDER]


@pytest.mark.parametrize(
    ("language", "words"), [("en", "It is scheduled again"), ("es", "Está reservado de nuevo")]
)
def test_a_visit_that_is_taken_back_says_so_and_not_that_its_time_is_new(
    session, harbor, therapy, language, words
):
    therapy.patient.language = language
    alice, at = harbor.actor("alice"), NOW + HOUR
    visits.cancel(session, alice, [therapy], at)
    send_due(session, at + 5 * MINUTE)
    undo.undo(session, alice, therapy, "cancel", at + HOUR)
    [mail] = send_due(session, at + HOUR + 5 * MINUTE)

    assert words in flat(mail)
    assert str(mail["Subject"]).startswith(
        {"en": "Scheduled again: ", "es": "Reservada de nuevo: "}[language]
    )
    assert "New time" not in flat(mail)


def test_among_other_changes_a_visit_that_is_taken_back_is_marked(session, harbor, therapy):
    other = next(one for one in therapy.care_plan.appointments if one.action == "therapy-5")
    therapy.status = AppointmentStatus.CANCELLED
    told(session, harbor, therapy)
    therapy.status = AppointmentStatus.BOOKED
    therapy.schedule_version += 1
    other.start_at, other.end_at = other.start_at + HOUR, other.end_at + HOUR
    other.schedule_version += 1
    outbox.tell(session, harbor.clinic, [therapy, other], NOW + 2 * HOUR)
    [mail] = send_due(session, NOW + 2 * HOUR + 5 * MINUTE)

    assert text_of(mail).count("[scheduled again]") == 1
    assert text_of(mail).count("Old time") == 1


def told(session, harbor, *about):
    for one in about:
        one.schedule_version += 1
    outbox.tell(session, harbor.clinic, about, NOW + HOUR)
    return send_due(session, NOW + HOUR + 5 * MINUTE)


def test_what_stands_again_before_the_mail_left_is_not_called_canceled(session, harbor, therapy):
    other = next(one for one in therapy.care_plan.appointments if one.action == "therapy-5")
    therapy.status = AppointmentStatus.CANCELLED
    for one in (therapy, other):
        one.start_at, one.end_at = one.start_at + HOUR, one.end_at + HOUR
        one.schedule_version += 1
    outbox.tell(session, harbor.clinic, [therapy, other], NOW + HOUR, together=True)
    therapy.status = AppointmentStatus.BOOKED
    therapy.schedule_version += 1
    outbox.tell(session, harbor.clinic, [therapy], NOW + HOUR)
    [mail] = send_due(session, NOW + HOUR + 5 * MINUTE)

    assert "[canceled]" not in text_of(mail)
    assert text_of(mail).count("\n* ") == 2
