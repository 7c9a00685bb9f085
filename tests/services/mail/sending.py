"""Send what waits in the outbox, without a server: claim, compose, pass the sending check, record."""

from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

from icalendar import Calendar

from scheduler.services.mail import delivery, leases
from scheduler.services.mail.letters import Letter, Letterhead, compose
from tests.engines import SECRET_KEY

HEAD = Letterhead("https://seriate.example", (SECRET_KEY,), "Seriate <clinic@seriate.example>")
LISTENING = Letterhead(HEAD.public_url, HEAD.keys, HEAD.mail_from, "clinic@seriate.example")


def send_due(session, now, head=HEAD) -> list[EmailMessage]:
    """Send what is due and return it as its readers get it."""
    sent = []
    for message in leases.claim(session, "token", now, 50):
        letter = compose(session, message, head, now)
        assert isinstance(letter, Letter), letter
        if delivery.pass_sending_check(session, letter, now):
            delivery.accepted(session, letter, "250 ok", now)
            sent.append(message_from_bytes(letter.content, policy=default))
    session.expire_all()
    return sent


def text_of(mail) -> str:
    return mail.get_body(("plain",)).get_content().replace("\r\n", "\n")


def flat(mail) -> str:
    """Return the plain part on one line."""
    return " ".join(text_of(mail).split())


def calendar_parts(mail):
    return [part for part in mail.walk() if part.get_content_type() == "text/calendar"]


def objects_in(mail) -> list[tuple[str, str, int]]:
    """Return METHOD, UID and SEQUENCE of each calendar object in a mail."""
    found = []
    for part in calendar_parts(mail):
        calendar = Calendar.from_ical(part.get_payload(decode=True))
        method = str(calendar.get("METHOD", ""))
        assert (part.get_param("method") or "") == method
        found += [(method, str(event["UID"]), int(event["SEQUENCE"])) for event in calendar.walk("VEVENT")]
    return found
