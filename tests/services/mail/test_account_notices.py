from sqlalchemy import select

from scheduler.models.message import Message
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
