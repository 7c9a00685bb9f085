from datetime import timedelta

import pytest
from sqlalchemy import select

from scheduler.domain.message_reasons import NEEDS_CALL, MessageReason
from scheduler.errors import WrongStatus
from scheduler.models.message import Message, MessageKind, MessageState
from scheduler.models.reminder import Reminder, ReminderState
from scheduler.services.mail import call_list, outbox, reminders
from tests.cast import NOW
from tests.engines import both
from tests.services.mail.sending import send_due, text_of
from tests.visits import add_visit

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)


@pytest.fixture
def visit(session, harbor):
    visit = add_visit(session, harbor, "Chair 1", NOW + 5 * DAY)
    reminders.plan_for(session, harbor.clinic, [visit], NOW)
    return visit


def mail(session, harbor, visit, state, reason=MessageReason.NONE, detail=""):
    message = outbox.enqueue(
        session, harbor.clinic, MessageKind.CONFIRMATION, NOW, patient=visit.patient, about=[visit]
    )
    message.state = state
    message.explain(reason, detail)
    session.flush()
    return message


def listed(session, harbor, now=NOW):
    return [(call.patient.name, call.reasons) for call in call_list.calls(session, harbor.clinic, now)]


@both
def test_who_did_not_get_a_mail_is_on_the_list_until_called(session, harbor, visit):
    mail(session, harbor, visit, MessageState.FAILED, MessageReason.ADDRESS_REFUSED, "550")
    for row in session.scalars(select(Reminder)):
        row.state = ReminderState.SKIPPED
        row.explain(MessageReason.NO_ADDRESS)
    mail(session, harbor, visit, MessageState.SENT)
    assert listed(session, harbor) == [("Nora Lindqvist", ["failed: address (550)", "no email address"])]

    assert call_list.settle(session, harbor.actor("alice"), visit.patient, NOW) == 3
    assert listed(session, harbor) == []


def test_nobody_is_called_about_what_has_begun(session, harbor, visit):
    mail(session, harbor, visit, MessageState.FAILED, MessageReason.ADDRESS_REFUSED, "550")

    assert listed(session, harbor, visit.start_at) == []


def test_other_clinics_are_not_on_the_list(session, harbor, hill, visit):
    mail(session, harbor, visit, MessageState.FAILED, MessageReason.ADDRESS_REFUSED, "550")

    assert call_list.calls(session, hill.clinic, NOW) == []


@both
@pytest.mark.parametrize("reason", MessageReason)
def test_a_code_decides_who_is_called_whatever_the_words_are(session, harbor, visit, reason):
    skipped = mail(session, harbor, visit, MessageState.SKIPPED, reason)
    skipped.reason = "other words"
    for row in session.scalars(select(Reminder)):
        row.state, row.reason_code, row.reason = ReminderState.SKIPPED, reason.value, "reworded"
    session.flush()

    expected = [("Nora Lindqvist", ["other words", "reworded"])] if reason in NEEDS_CALL else []
    assert listed(session, harbor) == expected


@both
def test_a_held_mail_is_released_once_more_or_taken_for_arrived(session, harbor, visit):
    actor = harbor.actor("alice")
    held = mail(session, harbor, visit, MessageState.UNCERTAIN, MessageReason.UNCLEAR)
    call_list.release(session, actor, held, NOW)
    assert (held.state, held.resends) == (MessageState.PENDING, 1)

    other = mail(session, harbor, visit, MessageState.UNCERTAIN, MessageReason.UNCLEAR)
    call_list.discard(session, actor, other, NOW)
    assert (other.state, other.reason_code, other.settled_by_id) == (
        MessageState.UNCERTAIN,
        MessageReason.DISCARDED,
        actor.user_id,
    )
    with pytest.raises(WrongStatus):
        call_list.release(session, actor, other, NOW)


def test_a_failed_mail_is_sent_again_as_a_new_one(session, harbor, visit):
    failed = mail(session, harbor, visit, MessageState.FAILED, MessageReason.CONTENT_REFUSED, "554")
    again = call_list.resend(session, harbor.actor("alice"), failed, NOW)

    assert (again.state, again.kind, [one.appointment_id for one in again.subjects]) == (
        MessageState.PENDING,
        MessageKind.CONFIRMATION,
        [visit.id],
    )
    assert failed.settled_at == NOW


@pytest.mark.parametrize(
    ("kind", "values", "subject"),
    [
        (MessageKind.CHANGE, {"before": "a day earlier"}, "New time: "),
        (MessageKind.CHANGE, {"again": True}, "Scheduled again: "),
        (MessageKind.REQUEST_ANSWER, {"words": "request-declined"}, "About the appointment"),
    ],
)
def test_a_mail_that_is_sent_again_says_the_same(session, harbor, visit, kind, values, subject):
    if "before" in values:
        values = {
            "before": {str(visit.id): [(at - DAY).isoformat() for at in (visit.start_at, visit.end_at)]}
        }
    if "again" in values:
        values = {"again": [visit.id]}
    failed = outbox.enqueue(
        session, harbor.clinic, kind, NOW, patient=visit.patient, about=[visit], values=values
    )
    failed.state = MessageState.FAILED
    call_list.resend(session, harbor.actor("alice"), failed, NOW)
    [sent] = send_due(session, NOW + MINUTE)

    assert sent["Subject"].startswith(subject)
    assert ("Old time: " in text_of(sent)) is ("before" in values)


def test_old_news_is_not_sent_again(session, harbor, visit):
    failed = mail(session, harbor, visit, MessageState.FAILED, MessageReason.CONTENT_REFUSED, "554")
    visit.schedule_version += 1
    with pytest.raises(WrongStatus):
        call_list.resend(session, harbor.actor("alice"), failed, NOW)

    assert session.scalars(select(Message).where(Message.state == MessageState.PENDING)).all() == []
