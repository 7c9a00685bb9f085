"""What is asked about requirements, drivers and boosters; and that nobody is asked about what is settled."""

import re
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context
from datetime import timedelta

import pytest
from sqlalchemy import select

from scheduler.database import begin_write, db
from scheduler.domain.message_reasons import MessageReason
from scheduler.domain.status import AppointmentStatus
from scheduler.models.message import Message, MessageKind, MessageState
from scheduler.models.open_requirements import settled_on_the_way
from scheduler.models.reminder import Reminder, ReminderState
from scheduler.services.course import boosters, careplans
from scheduler.services.mail import delivery, leases, settings_changes
from scheduler.services.mail.due import collect
from scheduler.services.mail.letters import Letterhead, NoLetter, compose
from scheduler.services.visit import requirements, visits
from tests.cast import NOW
from tests.engines import SECRET_KEY, both
from tests.reading import mail_words
from tests.services.courses import book, visit

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
HEAD = Letterhead("https://seriate.example", (SECRET_KEY,), "Seriate <clinic@seriate.example>")
ONCE = ("psychiatric-evaluation", "medical-clearance", "consent")


@pytest.fixture
def care_plan(session, harbor, nora_course):
    return nora_course


@pytest.fixture
def paul(harbor):
    return harbor.prescriber


def rows(session, appointment, start):
    query = select(Reminder).where(Reminder.appointment_id == appointment.id, Reminder.rule.startswith(start))
    return list(session.scalars(query.order_by(Reminder.id).execution_options(populate_existing=True)))


def due_of(session, appointment, start):
    [row] = rows(session, appointment, start)
    return row.due_at


def come_up(session, appointment, start):
    """Let the day come on which this is asked; nothing else is waiting. Returns that time."""
    [row] = rows(session, appointment, start)
    for other in session.scalars(select(Reminder).where(Reminder.id != row.id)):
        other.state = ReminderState.SENT
    for message in session.scalars(select(Message)):
        message.state = MessageState.SENT
    session.flush()
    collect(session, row.due_at)
    session.commit()
    return row.due_at


def waiting(session):
    query = select(Message).where(Message.state.in_((MessageState.PENDING, MessageState.LEASED)))
    return list(session.scalars(query.execution_options(populate_existing=True)))


def close_all(session, paul, care_plan, at, but=()):
    for key in {*ONCE, "pregnancy-test"} - set(but):
        requirements.complete(session, paul, care_plan, key, at)


def test_guarded_visits_have_rows_for_what_they_need(session, care_plan):
    infusion, therapy = visit(care_plan, "infusion-1"), visit(care_plan, "therapy-1")

    assert [row.rule for row in rows(session, infusion, "requirements")] == ["requirements-before-3w"]
    assert infusion.start_at - due_of(session, infusion, "driver") == 2 * DAY
    assert rows(session, therapy, "requirements") + rows(session, therapy, "driver") == []


@both
def test_an_open_requirement_is_asked_about(session, care_plan):
    infusion = visit(care_plan, "infusion-3")
    come_up(session, infusion, "requirements")
    [message] = waiting(session)

    assert (message.kind, [one.appointment_id for one in message.subjects]) == (
        MessageKind.REQUIREMENT_MISSING,
        [infusion.id],
    )
    assert b"Psychiatric" not in compose(session, message, HEAD, message.due_at).content


def test_a_requirement_is_not_missed_while_the_visit_that_settles_it_is_ahead(session, paul, care_plan):
    infusion, consent = visit(care_plan, "infusion-1"), visit(care_plan, "consent")
    requirements.complete(session, paul, care_plan, "pregnancy-test", infusion.start_at - DAY)
    before = consent.start_at - HOUR
    [row] = rows(session, infusion, "requirements")
    row.due_at = before
    session.flush()
    while collect(session, before):
        pass

    assert (row.state, row.due_at) == (ReminderState.PENDING, consent.end_at)
    assert settled_on_the_way(infusion, consent.end_at) is None
    collect(session, consent.end_at)
    assert row.state is ReminderState.QUEUED


def test_what_is_settled_is_not_asked_about_and_comes_back_when_it_opens_again(session, paul, care_plan):
    infusion = visit(care_plan, "infusion-1")
    [row] = rows(session, infusion, "requirements")
    at = row.due_at - HOUR
    close_all(session, paul, care_plan, at)
    closed = (row.state, row.reason_code)
    requirements.reopen(session, paul, care_plan, "consent", at)

    assert closed == (ReminderState.VOID, MessageReason.NOTHING_MISSING)
    assert row.state is ReminderState.PENDING


def test_what_opens_again_after_it_was_due_is_never_sent_late(session, paul, care_plan):
    infusion = visit(care_plan, "infusion-1")
    close_all(session, paul, care_plan, infusion.start_at - 5 * DAY)
    requirements.reopen(session, paul, care_plan, "consent", due_of(session, infusion, "requirements") + HOUR)

    assert rows(session, infusion, "requirements")[0].state is ReminderState.VOID


@both
def test_a_claimed_mail_does_not_leave_once_the_requirement_is_closed(session, paul, care_plan):
    infusion = visit(care_plan, "infusion-3")
    close_all(session, paul, care_plan, infusion.start_at - 5 * DAY, but=["consent"])
    now = come_up(session, infusion, "requirements")
    [message] = leases.claim(session, "token", now, 1)
    letter = compose(session, message, HEAD, now)
    session.commit()
    requirements.complete(session, paul, care_plan, "consent", now)
    session.commit()

    assert not delivery.pass_sending_check(session, letter, now)
    assert (message.state, rows(session, infusion, "requirements")[0].state) == (
        MessageState.VOID,
        ReminderState.VOID,
    )


@both
def test_without_the_closing_it_would_have_left(session, paul, care_plan):
    infusion = visit(care_plan, "infusion-3")
    now = come_up(session, infusion, "requirements")
    [message] = leases.claim(session, "token", now, 1)

    assert delivery.pass_sending_check(session, compose(session, message, HEAD, now), now)


@both
def test_a_requirement_that_is_being_closed_holds_up_the_mail_and_then_stops_it(
    app, session, paul, care_plan
):
    infusion = visit(care_plan, "infusion-3")
    close_all(session, paul, care_plan, infusion.start_at - 5 * DAY, but=["consent"])
    now = come_up(session, infusion, "requirements")
    [message] = leases.claim(session, "token", now, 1)
    letter = compose(session, message, HEAD, now)
    session.commit()
    begin_write(session)
    requirements.complete(session, paul, care_plan, "consent", now)
    with ThreadPoolExecutor(1) as other:
        passed = other.submit(Context().run, let_out, app, letter, now)
        with pytest.raises(TimeoutError):  # on PostgreSQL it waits for the row, on SQLite for the writer
            passed.result(timeout=0.5)
        session.commit()
        assert passed.result(timeout=60) is False


def let_out(app, letter, now):
    """Pass the requirement as a sender would, in a transaction of its own."""
    with app.app_context():
        try:
            begin_write(db.session())
            passed = delivery.pass_sending_check(db.session(), letter, now)
            db.session.commit()
        finally:
            db.session.remove()
        return passed


def test_a_driver_is_asked_for_until_there_is_one(session, paul, care_plan):
    infusion = visit(care_plan, "infusion-2")
    now = come_up(session, infusion, "driver")
    requirements.complete(session, paul, care_plan, "consent", now)
    still = [message.kind for message in waiting(session)]
    requirements.complete(session, paul, care_plan, "driver", now, infusion)

    assert still == [MessageKind.DRIVER]
    assert waiting(session) == []
    assert rows(session, infusion, "driver")[0].reason_code == MessageReason.NOTHING_MISSING


def test_of_two_in_one_mail_the_other_is_asked_again(session, paul, care_plan):
    first, second = visit(care_plan, "infusion-2"), visit(care_plan, "infusion-3")
    [one], [other] = rows(session, first, "driver"), rows(session, second, "driver")
    other.due_at = one.due_at
    now = one.due_at
    collect(session, now)
    together = [len(message.subjects) for message in waiting(session) if message.kind is MessageKind.DRIVER]
    requirements.complete(session, paul, care_plan, "driver", now, first)
    while collect(session, now):
        pass
    [again] = [message for message in waiting(session) if message.kind is MessageKind.DRIVER]

    assert together == [2]
    assert [subject.appointment_id for subject in again.subjects] == [second.id]


def test_a_reminder_does_not_push_aside_what_is_missing(session, care_plan):
    infusion = visit(care_plan, "infusion-1")
    now = (
        infusion.start_at - 20 * HOUR
    )  # after days of downtime: two reminders, a requirement and a driver are due
    collect(session, now)
    about = [one for one in waiting(session) if infusion.id in {s.appointment_id for s in one.subjects}]

    assert sorted(message.kind.value for message in about) == [
        "confirmation",
        "driver",
        "reminder",
        "requirement-missing",
    ]


def test_a_mail_sent_again_after_the_requirement_was_closed_is_not_written(session, paul, care_plan):
    infusion = visit(care_plan, "infusion-3")
    now = come_up(session, infusion, "driver")
    [message] = waiting(session)
    requirements.complete(session, paul, care_plan, "driver", now, infusion)
    nothing = compose(session, message, HEAD, now)

    assert isinstance(nothing, NoLetter)
    assert nothing.reason is MessageReason.NOTHING_MISSING


def test_a_moved_visit_asks_by_its_new_time(session, harbor, care_plan):
    infusion = visit(care_plan, "infusion-6")
    visits.cancel(session, harbor.actor("alice"), [infusion], NOW)

    assert {row.state for row in rows(session, infusion, "requirements")} == {ReminderState.VOID}


def booster(care_plan):
    return next(one for one in care_plan.appointments if one.status is AppointmentStatus.PROPOSED)


@both
def test_a_booster_wants_to_be_booked_and_the_mail_says_no_time(session, care_plan):
    proposed = booster(care_plan)
    now = come_up(session, proposed, "booster")
    [message] = leases.claim(session, "token", now, 1)
    letter = compose(session, message, HEAD, now)

    assert message.kind is MessageKind.BOOSTER
    assert not re.search(r"\d:\d\d|\b[AP]M\b", mail_words(letter.content))
    assert delivery.pass_sending_check(session, letter, now)


@both
def test_a_booked_booster_no_longer_asks(session, harbor, care_plan):
    proposed = booster(care_plan)
    now = come_up(session, proposed, "booster")
    [message] = leases.claim(session, "token", now, 1)
    letter = compose(session, message, HEAD, now)
    start = proposed.start_at.replace(hour=15, minute=0)
    boosters.book_proposed(session, harbor.actor("alice"), proposed, start, now)
    session.commit()

    assert not delivery.pass_sending_check(session, letter, now)


def test_a_course_that_ends_asks_no_more(session, harbor, care_plan):
    proposed = booster(care_plan)
    careplans.revoke(session, harbor.actor("alice"), care_plan, NOW, "moved away")

    assert rows(session, proposed, "booster")[0].state is ReminderState.VOID


def test_a_patient_who_wants_no_reminders_gets_none_of_these(session, care_plan):
    care_plan.patient.unsubscribed_at = NOW
    proposed = booster(care_plan)
    come_up(session, proposed, "booster")

    assert waiting(session) == []
    assert rows(session, proposed, "booster")[0].state is ReminderState.SKIPPED


def test_switching_the_rules_on_never_sends_late(session, harbor):
    settings_changes.change(session, harbor.command, {"reminder_rules": []}, NOW)
    care_plan = book(session, harbor)
    infusion = visit(care_plan, "infusion-1")
    none = rows(session, infusion, "requirements")
    now = infusion.start_at - DAY
    settings_changes.change(
        session, harbor.command, {"reminder_rules": ["requirements before-start 2 days"]}, now
    )

    assert none == []
    assert [(row.state.value, row.reason) for row in rows(session, infusion, "requirements")] == [
        ("skipped", "rule added too late for this reminder")
    ]
