from datetime import timedelta

import pytest
from sqlalchemy import select

from scheduler.models.message import Message
from scheduler.models.user import StaffRole
from scheduler.services.account import invitations, passwords, sessions
from scheduler.services.mail import account_notices, letters
from scheduler.services.mail.letters import Letterhead
from tests.cast import NOW
from tests.engines import SECRET_KEY

HEAD = Letterhead("https://visits.example", (SECRET_KEY,), "Clinic <desk@clinic.example>")


def test_the_notice_has_words_of_its_own_and_leads_to_the_sessions(session, harbor):
    account_notices.tell(session, harbor.clinic, harbor.users["alice"], "Something was changed.", NOW)
    message = session.scalar(select(Message))
    message.lease_token = "x"

    letter = letters.compose(session, message, HEAD, NOW)

    assert (letter.recipient, letter.subject) == ("alice@example.org", "About your account")
    text = letter.content.decode()
    assert "Something was changed." in text
    assert "https://visits.example/account/sessions" in text


def test_a_new_browser_is_told_by_the_clock_that_all_mail_goes_by(session, harbor):
    alice, now = harbor.users["alice"], NOW + timedelta(days=30)
    for agent in ("Firefox/1", "Firefox/2", "Safari/1"):
        sessions.begin(session, alice, NOW, "192.0.2.1", agent, now)

    told = session.scalars(select(Message)).all()

    assert [(one.due_at, one.values["words"]) for one in told] == [(now, account_notices.WORDS)]
    assert "on Monday, November 23, 2026, at 8:00 AM (New York time, EST)" in told[0].values["lines"]


@pytest.mark.parametrize(
    ("role", "subject"), [(StaffRole.NURSE, "An invitation to a clinic"), (None, "Your password")]
)
def test_an_invitation_and_a_reset_say_which_they_are(session, harbor, role, subject):
    if role:
        invitations.invite(
            session, harbor.actor("ada"), "eve@example.org", role, NOW, "http://x", [SECRET_KEY]
        )
    else:
        passwords.ask_for_reset(session, "alice@example.org", NOW, "http://x", [SECRET_KEY])
    message = session.scalar(select(Message))
    message.lease_token = "x"

    assert letters.compose(session, message, HEAD, NOW).subject == subject
