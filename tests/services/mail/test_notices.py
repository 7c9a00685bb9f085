"""The desk hears of addresses that do not work and of patients who want no more reminders, by their initials."""

from email import message_from_bytes
from email.policy import default

from sqlalchemy import select

from scheduler.models.message import Message, MessageKind, MessageState
from scheduler.models.user import User
from scheduler.services.actors import Actor
from scheduler.services.mail import notices
from scheduler.services.mail.letters import Letterhead, compose
from scheduler.services.patient import unsubscribing
from tests.cast import NOW
from tests.engines import SECRET_KEY, both

HEAD = Letterhead("https://seriate.example", (SECRET_KEY,), "Seriate <clinic@seriate.example>")


def told(session):
    query = (
        select(User.name, Message)
        .join(Message, Message.user_id == User.id)
        .where(Message.kind == MessageKind.NOTICE)
        .order_by(Message.id)
    )
    return [(name, message.values["lines"]) for name, message in session.execute(query)]


@both
def test_who_plans_hears_of_a_bounce(session, harbor, hill):
    notices.bounced(session, harbor.patients["Nora"], NOW)
    line = "N.L.: the email address does not work. Please call."

    assert told(session) == [("Ada", line), ("Mona", line), ("Alice", line)]


def test_what_comes_up_before_it_has_left_joins_it(session, harbor):
    nora = harbor.patients["Nora"]
    notices.bounced(session, nora, NOW)
    notices.unsubscribed(session, nora, NOW)

    assert [len(lines.splitlines()) for _, lines in told(session)] == [2, 2, 2]


def test_what_comes_up_after_it_was_claimed_is_a_new_one(session, harbor):
    nora = harbor.patients["Nora"]
    notices.bounced(session, nora, NOW)
    for message in session.scalars(select(Message)):
        message.state = MessageState.LEASED
    session.flush()
    notices.unsubscribed(session, nora, NOW)

    assert [len(lines.splitlines()) for _, lines in told(session)] == [1] * 6


def test_a_flood_is_cut_short(session, harbor):
    for _ in range(notices.MOST_LINES + 5):
        notices.bounced(session, harbor.patients["Nora"], NOW)
    lines = told(session)[0][1].splitlines()

    assert (len(lines), lines[-1]) == (notices.MOST_LINES + 1, notices.AND_MORE)


def test_a_patients_own_wish_is_told_and_the_desks_own_deed_is_not(session, harbor):
    nora = harbor.patients["Nora"]
    unsubscribing.unsubscribe(session, harbor.actor("alice"), nora, NOW)
    none = told(session)
    unsubscribing.subscribe(session, harbor.actor("alice"), nora, NOW)
    unsubscribing.unsubscribe(session, Actor(harbor.clinic, None, None, "patient"), nora, NOW)

    assert none == []
    assert len(told(session)) == 3


def test_the_mail_names_nobody(session, harbor):
    notices.bounced(session, harbor.patients["Nora"], NOW)
    message = session.scalars(select(Message)).first()
    mail = message_from_bytes(compose(session, message, HEAD, NOW).content, policy=default)
    text = mail.get_body(("plain",)).get_content()

    assert "Lindqvist" not in mail.as_string()
    assert "N.L.: the email address does not work." in text
    assert "https://seriate.example/reminders?view=calls" in text
