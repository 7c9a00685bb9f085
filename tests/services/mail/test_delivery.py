from datetime import timedelta

import pytest
from sqlalchemy import select, update

from scheduler.domain.status import AppointmentStatus
from scheduler.models.message import Message, MessageKind, MessageState
from scheduler.models.reminder import Reminder, ReminderState
from scheduler.services.database_clock import database_time
from scheduler.services.mail import delivery, leases, outbox, reminders
from scheduler.services.mail.due import collect
from scheduler.services.mail.letters import Letterhead, compose
from tests.cast import NOW
from tests.engines import SECRET_KEY, both
from tests.visits import add_visit

DAY = timedelta(days=1)
HEAD = Letterhead("https://seriate.example", (SECRET_KEY,), "Seriate <clinic@seriate.example>")


@pytest.fixture
def visit(session, harbor):
    visit = add_visit(session, harbor, "Chair 1", NOW + DAY)
    reminders.plan_for(session, harbor.clinic, [visit], NOW)
    collect(session, NOW)
    session.commit()
    return visit


def claimed(session, now=NOW):
    [message] = leases.claim(session, "token", now, 1)
    return compose(session, message, HEAD, now)


def mail(session):
    session.expire_all()
    return session.scalars(select(Message)).one()


@both
def test_the_requirement_lets_out_what_still_holds(session, visit):
    letter = claimed(session)

    assert delivery.pass_sending_check(session, letter, NOW)
    assert (mail(session).data_at, mail(session).content) == (NOW, letter.encrypted)


@both
def test_nobody_passes_twice(session, visit):
    letter = claimed(session)

    assert delivery.pass_sending_check(session, letter, NOW)
    assert not delivery.pass_sending_check(session, letter, NOW)


@both
@pytest.mark.parametrize(
    "change",
    [
        lambda visit: setattr(visit, "schedule_version", 2),
        lambda visit: setattr(visit, "status", AppointmentStatus.CANCELLED),
        lambda visit: setattr(visit, "status", AppointmentStatus.NOSHOW),
    ],
)
def test_the_requirement_is_shut_when_a_visit_changed(session, visit, change):
    letter = claimed(session)
    change(visit)
    session.flush()

    assert not delivery.pass_sending_check(session, letter, NOW)
    delivery.refused_by_sending_check(session, letter, NOW)
    assert mail(session).state is MessageState.VOID


@both
def test_confirming_or_arriving_does_not_shut_it(session, visit):
    letter = claimed(session)
    visit.status, visit.row_version, visit.sequence = AppointmentStatus.ARRIVED, 5, 5
    session.flush()

    assert delivery.pass_sending_check(session, letter, NOW)


@both
def test_the_requirement_is_shut_after_the_start(session, visit):
    letter = claimed(session)

    assert not delivery.pass_sending_check(session, letter, visit.start_at)
    delivery.refused_by_sending_check(session, letter, visit.start_at)
    assert (mail(session).state, mail(session).reason[:8]) == (MessageState.FAILED, "too late")


@both
def test_a_lost_lease_shuts_it_and_is_left_to_the_recovery(session, visit):
    letter = claimed(session)
    over = database_time(session) - timedelta(seconds=1)
    session.execute(update(Message).values(leased_until=over))

    assert not delivery.pass_sending_check(session, letter, NOW)
    delivery.refused_by_sending_check(session, letter, NOW)
    assert mail(session).state is MessageState.LEASED


@both
def test_a_cancellation_passes_only_while_the_visit_is_off(session, harbor, visit):
    session.execute(update(Message).values(state=MessageState.VOID))
    visit.status = AppointmentStatus.CANCELLED
    outbox.enqueue(
        session, harbor.clinic, MessageKind.CANCELLATION, NOW, patient=visit.patient, about=[visit]
    )
    session.commit()
    letter = claimed(session)
    visit.status = AppointmentStatus.BOOKED
    session.flush()
    assert not delivery.pass_sending_check(session, letter, NOW)
    visit.status = AppointmentStatus.CANCELLED
    session.flush()
    assert delivery.pass_sending_check(session, letter, NOW)


@both
def test_an_acceptance_ends_the_mail_and_its_reminders(session, visit):
    letter = claimed(session)
    delivery.pass_sending_check(session, letter, NOW)
    delivery.accepted(session, letter, "250 2.0.0 for <nora@example.org> queued", NOW)
    [reminder] = session.scalars(select(Reminder).where(Reminder.message_id == letter.message_id))

    assert (mail(session).state, mail(session).content, mail(session).smtp_reply) == (
        MessageState.SENT,
        None,
        "250 2.0.0 for <<address>> queued",
    )
    assert reminder.state is ReminderState.SENT


@both
def test_an_acceptance_that_comes_late_stops_the_second_copy(session, visit):
    letter = claimed(session)
    delivery.pass_sending_check(session, letter, NOW)
    session.execute(update(Message).values(leased_until=database_time(session) - timedelta(seconds=1)))
    leases.recover(session, NOW, "resend")
    assert mail(session).state is MessageState.PENDING
    delivery.accepted(session, letter, "250 ok", NOW)

    assert (mail(session).state, mail(session).resends) == (MessageState.SENT, 1)
