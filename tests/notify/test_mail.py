from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default

import pytest

from scheduler.notify.mail import CalendarPart, Mail, as_bytes

AT = datetime(2026, 11, 23, 13, 0, tzinfo=UTC)
CALENDAR = "BEGIN:VCALENDAR\r\nSUMMARY:Añadir\r\nEND:VCALENDAR\r\n".encode()
FILE, INVITATION = CalendarPart(CALENDAR, None, "calendar.ics"), CalendarPart(CALENDAR, "REQUEST")
LONG_ADDRESS = f"<https://seriate.example/visits/{'a' * 400}/unsubscription>"
TEXT = "Olá,\n\nFrom here = there \n.\n-- \n" + "many words " * 30 + "\n"


def mail(**changes):
    parts = {
        "sender": "Seriate <clinic@seriate.example>",
        "recipient": "nora@example.org",
        "subject": "Your visit",
        "text": TEXT,
        "html": "<p>Olá</p>",
        "dated_at": AT,
        "message_id": "<abcdefgh@seriate.example>",
    }
    return Mail(**(parts | changes))


def read(**changes):
    """Return what a mail program reads; every line is one that a mail server takes."""
    content = as_bytes(mail(**changes))
    lines = content.split(b"\r\n")
    assert not any(b"\r" in line or b"\n" in line or len(line) > 998 for line in lines)
    found = message_from_bytes(content, policy=default)
    for part in found.walk():
        assert (part.defects, [header.defects for _, header in part.items() if header.defects]) == ([], [])
    return found


def text_of(found, kind):
    return found.get_body((kind,)).get_content().replace("\r\n", "\n")


@pytest.mark.parametrize("calendars", [(), (FILE,), (INVITATION,)])
def test_text_and_html_are_alternatives_and_read_as_they_were_written(calendars):
    found = read(calendars=calendars)

    assert (text_of(found, "plain"), text_of(found, "html")) == (TEXT, "<p>Olá</p>\n")
    assert found["Auto-Submitted"] == "auto-generated"
    assert found["Date"].datetime == AT


def test_an_invitation_is_an_alternative_too_and_says_its_method():
    found = read(calendars=(INVITATION,))
    part = found.get_payload()[2]

    assert found.get_content_type() == "multipart/alternative"
    assert (part.get_content_type(), part.get_param("method")) == ("text/calendar", "REQUEST")
    assert part.get_payload(decode=True) == CALENDAR


def test_several_visits_are_a_file():
    found = read(calendars=(FILE,))
    [attached] = found.iter_attachments()

    assert found.get_content_type() == "multipart/mixed"
    assert (attached.get_filename(), attached.get_param("method")) == ("calendar.ics", None)
    assert attached.get_payload(decode=True) == CALENDAR


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "subject",
            "Su próxima visita del miércoles, 25 de noviembre, y todas las que siguen después de ella",
        ),
        ("subject", "word " * 40 + "end"),
        ("subject", "=?utf-8?q?not=20a=20trick"),
        ("sender", '"Clínica, del Puerto" <clinic@seriate.example>'),
        ("sender", f'"{"A very long name " * 8}" <clinic@seriate.example>'),
        ("recipient", "nora.lindqvist+visits@mail.example.org"),
    ],
)
def test_what_people_read_in_a_header_is_encoded_and_folded(name, said):
    header = {"subject": "Subject", "sender": "From", "recipient": "To"}[name]
    content = as_bytes(mail(**{name: said}))
    head = content.partition(b"\r\n\r\n")[0]

    assert head.isascii()
    assert max(len(line) for line in head.split(b"\r\n")) <= 78
    assert read(**{name: said})[header].replace('"', "").split() == said.replace('"', "").split()


def test_what_programs_read_in_a_header_is_neither_encoded_nor_folded():
    exact = {"List-Unsubscribe": LONG_ADDRESS, "In-Reply-To": f"<{'b' * 90}@seriate.example>"}
    head = as_bytes(mail(more_headers=exact)).partition(b"\r\n\r\n")[0].decode().split("\r\n")

    assert [f"{name}: {value}" for name, value in exact.items()] == [one for one in head if len(one) > 90]
    read(more_headers=exact)


def test_an_address_in_other_letters_makes_its_headers_so():
    content = as_bytes(mail(recipient="josé@example.org", subject="Mañana"))

    assert "To: josé@example.org\r\nSubject: Mañana\r\n".encode() in content


@pytest.mark.parametrize(
    "changes",
    [
        {"subject": "Hello\r\nBcc: all@example.org"},
        {"subject": "Hello\nBcc: all@example.org"},
        {"sender": "Clinic\r\nBcc: all@example.org <clinic@seriate.example>"},
        {"recipient": "nora@example.org\r\nBcc: all@example.org"},
        {"more_headers": {"References": "<a@b>\r\nBcc: all@example.org"}},
    ],
)
def test_nothing_begins_a_header_of_its_own(changes):
    try:
        content = as_bytes(mail(**changes))
    except ValueError:
        return
    assert message_from_bytes(content, policy=default)["Bcc"] is None


@pytest.mark.parametrize(("field", "header"), [("sender", "From"), ("recipient", "To")])
def test_a_mail_without_an_address_is_refused(field, header):
    with pytest.raises(ValueError, match=f"the header {header} holds no address"):
        as_bytes(mail(**{field: ""}))


def test_the_same_mail_gives_the_same_bytes():
    assert as_bytes(mail(calendars=(FILE,))) == as_bytes(mail(calendars=(FILE,)))
