from datetime import timedelta

import pytest
from sqlalchemy import select, update

from scheduler.domain.message_reasons import MessageReason
from scheduler.models.message import Message, MessageKind, MessageState
from scheduler.models.reminder import Reminder
from scheduler.services.limits import Limit
from scheduler.services.mail import leases, outbox, reminders
from scheduler.services.mail.due import collect
from tests.cast import NOW
from tests.engines import both
from tests.visits import add_visit

DAY = timedelta(days=1)


def waiting(session, harbor, count=3):
    for number in range(count):
        visit = add_visit(session, harbor, "Chair 1", NOW + (9 - number) * DAY)
        message = outbox.enqueue(
            session, harbor.clinic, MessageKind.REMINDER, NOW, patient=visit.patient, about=[visit]
        )
        message.urgent_at = visit.start_at
    session.commit()


def reminded(session, harbor):
    """A message that carries a due reminder."""
    visit = add_visit(session, harbor, "Chair 1", NOW + DAY)
    reminders.plan_for(session, harbor.clinic, [visit], NOW)
    collect(session, NOW)
    session.commit()


def expire_leases(session):
    session.execute(update(Message).values(leased_until=leases.database_time(session) - timedelta(seconds=1)))
    session.commit()


def states(session):
    return [message.state for message in session.scalars(select(Message).order_by(Message.id))]


@both
def test_the_nearest_visit_is_claimed_first(session, harbor):
    waiting(session, harbor)
    claimed = leases.claim(session, "token", NOW, 2)

    assert [message.id for message in claimed] == [3, 2]
    assert states(session) == [MessageState.PENDING, MessageState.LEASED, MessageState.LEASED]


@both
def test_nothing_is_claimed_before_it_is_due(session, harbor):
    waiting(session, harbor)

    assert leases.claim(session, "token", NOW - timedelta(seconds=1), 9) == []


@both
def test_what_is_claimed_is_not_claimed_again(session, harbor):
    waiting(session, harbor)
    leases.claim(session, "mine", NOW, 2)
    session.commit()

    assert len(leases.claim(session, "yours", NOW, 9)) == 1


@both
def test_a_lease_that_is_over_before_the_requirement_is_free_again(session, harbor):
    reminded(session, harbor)
    leases.claim(session, "token", NOW, 1)
    assert leases.recover(session, NOW, "resend") == []
    expire_leases(session)
    [message] = leases.recover(session, NOW, "resend")

    assert (message.state, message.resends, message.reason_code) == (
        MessageState.PENDING,
        0,
        MessageReason.SENDER_STOPPED,
    )
    assert message.due_at == NOW


def stop_senders(session, times, limit=9):
    """Let senders stop so often while they hold what they claimed; return how many that was each time."""
    held = []
    for _ in range(times):
        held.append(len(leases.claim(session, "token", NOW, limit)))
        expire_leases(session)
        leases.recover(session, NOW, "resend")
    return held


def test_a_message_on_which_senders_die_alone_waits_longer_each_time(session, harbor):
    reminded(session, harbor)
    stop_senders(session, 2)
    [message] = session.scalars(select(Message))
    assert message.due_at == NOW
    stop_senders(session, 1)

    assert message.due_at >= NOW + timedelta(minutes=5)


@both
def test_what_may_stop_senders_is_claimed_alone(session, harbor):
    waiting(session, harbor)
    assert stop_senders(session, 2) == [3, 3]
    assert leases.claim(session, "busy", NOW, 9, in_flight=True) == []
    alone = [leases.claim(session, f"alone-{number}", NOW, 9) for number in range(3)]

    assert [len(claimed) for claimed in alone] == [1, 1, 1]


@both
def test_no_more_are_claimed_than_the_channels_rate_allows(session, harbor):
    waiting(session, harbor)
    rate = Limit("mail", 2, timedelta(seconds=6))
    claims = [
        len(leases.claim(session, f"{number}", NOW + number * timedelta(seconds=3), 9, rate=rate))
        for number in range(3)
    ]

    assert claims == [2, 0, 1]


@both
def test_a_lease_that_is_over_after_the_requirement_is_sent_once_more_and_then_shown(session, harbor):
    reminded(session, harbor)
    seen = []
    for _ in range(2):
        [message] = leases.claim(session, "token", NOW, 1)
        message.data_at = NOW
        expire_leases(session)
        leases.recover(session, NOW, "resend")
        [reminder] = session.scalars(select(Reminder).where(Reminder.message_id == message.id))
        seen.append((message.state.value, message.resends, reminder.state.value))

    assert seen == [("pending", 1, "queued"), ("uncertain", 1, "uncertain")]


@both
def test_a_clinic_that_holds_sees_it_at_once(session, harbor):
    reminded(session, harbor)
    [message] = leases.claim(session, "token", NOW, 1)
    message.data_at = NOW
    expire_leases(session)
    leases.recover(session, NOW, "hold")
    [reminder] = session.scalars(select(Reminder).where(Reminder.message_id == message.id))

    assert (message.state.value, message.resends, reminder.state.value) == ("uncertain", 0, "uncertain")


@pytest.mark.parametrize("policy", ["resend", "hold"])
def test_an_alert_to_staff_is_sent_again_until_it_is_accepted(session, harbor, policy):
    alert = outbox.enqueue(session, harbor.clinic, MessageKind.NOTICE, NOW, user=harbor.users["mona"])
    for number in range(3):
        now = NOW + number * timedelta(minutes=1)
        [message] = leases.claim(session, "token", now, 1)
        message.data_at = now
        expire_leases(session)
        leases.recover(session, now, policy)

    assert (alert.state.value, alert.resends) == ("pending", 3)
    assert timedelta(0) < alert.due_at - now < timedelta(minutes=1)


@both
def test_a_lease_can_be_prolonged_and_handed_back(session, harbor):
    reminded(session, harbor)
    [message] = leases.claim(session, "token", NOW, 1)
    expire_leases(session)
    leases.renew(session, ["token"])
    assert leases.recover(session, NOW, "resend") == []
    leases.hand_back(session, [message.id], ["token"])
    session.expire_all()

    assert (message.state, message.attempts) == (MessageState.PENDING, 0)
