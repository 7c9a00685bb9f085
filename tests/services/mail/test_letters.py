import re
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes
from email.policy import default

import pytest
from icalendar import Calendar

from scheduler.domain.status import AppointmentStatus
from scheduler.models.clinic import Clinic
from scheduler.models.message import MessageKind, MessageState
from scheduler.notify.texts import FOLDER, check
from scheduler.services.actors import Actor
from scheduler.services.mail import outbox
from scheduler.services.mail.letters import Letter, Letterhead, compose
from scheduler.services.patient import self_service
from scheduler.services.patient.patient_requests import DECLINED, SUGGESTED
from scheduler.services.private_links import open_page
from tests.cast import NOW
from tests.engines import SECRET_KEY
from tests.visits import add_visit

DAY = timedelta(days=1)
HEAD = Letterhead("https://seriate.example", (SECRET_KEY,), "Seriate <clinic@seriate.example>")
LINK = re.compile(r"https?://[^\s\"<>]+")
NEVER_SAID = (
    "infusion",
    "ketamine",
    "therap",
    "depress",
    "chair",
    "iv-",
    "treat",
    "dose",
    "nurse",
    "lindqvist",
    "home",  # who is taken home has been given something
    "a casa",
)


def letter(session, kind, visits, **more):
    clinic = session.get_one(Clinic, visits[0].clinic_id)
    message = outbox.enqueue(session, clinic, kind, NOW, patient=visits[0].patient, about=visits, **more)
    message.lease_token = "a claim"
    composed = compose(session, message, HEAD, NOW)
    assert isinstance(composed, Letter)
    return message_from_bytes(composed.content, policy=default), composed, message


@pytest.fixture
def visit(session, harbor):
    return add_visit(session, harbor, "Chair 1", NOW + 5 * DAY)


def text_of(mail):
    return mail.get_body(("plain",)).get_content().replace("\r\n", "\n")


def calendar_parts(mail):
    return [part for part in mail.walk() if part.get_content_type() == "text/calendar"]


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize(
    "kind",
    [
        MessageKind.CONFIRMATION,
        MessageKind.CHANGE,
        MessageKind.CANCELLATION,
        MessageKind.REMINDER,
        MessageKind.CHECK_IN,
        MessageKind.LINK,
    ],
)
def test_a_mail_says_nothing_about_the_treatment(session, harbor, visit, kind, language):
    visit.patient.language = language
    if kind is MessageKind.CANCELLATION:
        visit.status = AppointmentStatus.CANCELLED
    assert said_of_the_treatment(*letter(session, kind, [visit])[:2]) == []


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("kind", [MessageKind.REQUIREMENT_MISSING, MessageKind.DRIVER, MessageKind.BOOSTER])
def test_what_is_asked_for_says_nothing_about_it_either(session, harbor, kind, language, nora_course):
    care_plan = nora_course
    care_plan.patient.language = language
    infusion = next(one for one in care_plan.appointments if one.action == "infusion-2")

    assert said_of_the_treatment(*letter(session, kind, [infusion])[:2]) == []


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("words", [SUGGESTED, DECLINED])
def test_an_answer_to_a_request_says_nothing_either_and_leads_to_the_page(visit, session, words, language):
    visit.patient.language = language
    mail, composed, _ = letter(session, MessageKind.REQUEST_ANSWER, [visit], values={"words": words})

    assert said_of_the_treatment(mail, composed) == []
    assert "/visits/" in text_of(mail)


def said_of_the_treatment(mail, composed):
    everything = composed.content.decode().lower()
    for part in mail.walk():
        if not part.is_multipart():
            everything += part.get_content().lower() if part.get_content_maintype() == "text" else ""
        everything += str(part.get_filename() or "").lower()
    unbroken = everything.replace("=\r\n", "").replace("=\n", "")  # as quoted-printable breaks its lines
    everything = LINK.sub("", unbroken)  # a token may hold any three letters
    return [word for word in NEVER_SAID if word in everything]


def test_the_scan_would_notice(session, harbor, visit):
    harbor.clinic.settings_document = {"mail_name": "Ketamine House"}
    _, composed, _ = letter(session, MessageKind.REMINDER, [visit])

    assert b"ketamine" in composed.content.lower()


def test_one_visit_comes_as_an_invitation_to_its_one_reader(session, visit):
    mail, _, _ = letter(session, MessageKind.CONFIRMATION, [visit])
    [part] = calendar_parts(mail)
    calendar = Calendar.from_ical(part.get_payload(decode=True))
    [event] = calendar.walk("VEVENT")

    assert part.get_param("method") == str(calendar["METHOD"]) == "REQUEST"
    assert str(event["UID"]) == visit.uid
    assert (event["ATTENDEE"], event["ORGANIZER"]) == (
        "mailto:nora@example.org",
        "mailto:clinic@seriate.example",
    )
    assert event.decoded("DTSTART") == visit.start_at
    assert part.get_content_disposition() is None


def test_the_text_stands_alone(session, harbor, visit):
    harbor.clinic.phone, harbor.clinic.address = "+1 212 555 0100", "12 Pier Street, New York"
    mail, composed, _ = letter(session, MessageKind.CONFIRMATION, [visit])
    text = text_of(mail)

    for words in (
        "Hello Nora,",
        "* Saturday, November 28, 2026\n  8:00 AM to 9:00 AM (New York time, EST)",
        "Harbor Clinic\n12 Pier Street, New York\n+1 212 555 0100",
        "https://seriate.example/visits/",
    ):
        assert words in text
    assert [mail[name] for name in ("To", "From", "Auto-Submitted")] == [
        "nora@example.org",
        "Harbor Clinic <clinic@seriate.example>",
        "auto-generated",
    ]
    assert composed.envelope_sender == "clinic@seriate.example"


def test_the_link_opens_the_patients_page(session, visit):
    mail, _, message = letter(session, MessageKind.REMINDER, [visit])
    token = text_of(mail).partition("https://seriate.example/visits/")[2].split()[0]
    page = open_page(session, (SECRET_KEY,), token, NOW)

    assert (page.patient, page.message, page.appointments, page.closed) == (
        visit.patient,
        message,
        (visit,),
        None,
    )
    assert open_page(session, (SECRET_KEY,), token, visit.end_at + timedelta(days=2, seconds=1)).closed
    assert open_page(session, ("another key" * 5,), token, NOW) is None
    assert open_page(session, (SECRET_KEY,), token[:-1] + ("A" if token[-1] != "A" else "B"), NOW) is None


def test_only_reminders_carry_a_way_to_stop_them(session, visit):
    reminder, _, _ = letter(session, MessageKind.REMINDER, [visit])
    confirmation, _, _ = letter(session, MessageKind.CONFIRMATION, [visit])

    assert reminder["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert reminder["List-Unsubscribe"].startswith("<https://seriate.example/visits/")
    assert confirmation["List-Unsubscribe"] is None


def test_a_later_mail_about_a_visit_joins_its_thread(session, visit):
    _, composed, message = letter(session, MessageKind.CONFIRMATION, [visit])
    message.state, message.rfc_message_id, message.dated_at = MessageState.SENT, composed.rfc_message_id, NOW
    later, _, _ = letter(session, MessageKind.REMINDER, [visit])
    other, _, _ = letter(session, MessageKind.CHANGE, [visit])

    assert later["In-Reply-To"] == other["In-Reply-To"] == composed.rfc_message_id


def test_a_mail_joins_the_thread_of_one_that_is_being_sent(session, visit):
    _, composed, first = letter(session, MessageKind.CONFIRMATION, [visit])
    first.state = MessageState.LEASED
    session.flush()
    later, _, _ = letter(session, MessageKind.CHANGE, [visit])

    assert composed.content.count(b"In-Reply-To") == 0
    assert later["In-Reply-To"] == composed.rfc_message_id


def test_the_same_row_gives_the_same_bytes(session, visit):
    message = outbox.enqueue(
        session, session.get_one(Clinic, visit.clinic_id), MessageKind.REMINDER, NOW,
        patient=visit.patient, about=[visit],
    )  # fmt: skip
    message.dated_at = NOW

    assert compose(session, message, HEAD, NOW).content == compose(session, message, HEAD, NOW + DAY).content


def test_a_mail_is_signed_once_however_often_it_is_sent(session, visit):
    """A second signature of another second would make the second copy another mail."""
    numbers = iter(range(9))
    head = replace(HEAD, sign=lambda content: b"DKIM-Signature: %d\r\n%b" % (next(numbers), content))
    message = outbox.enqueue(
        session, session.get_one(Clinic, visit.clinic_id), MessageKind.REMINDER, NOW,
        patient=visit.patient, about=[visit],
    )  # fmt: skip
    first = compose(session, message, head, NOW)
    message.content, message.address = first.encrypted, first.recipient
    again = compose(session, message, head, NOW + DAY)

    assert first.content.startswith(b"DKIM-Signature: 0\r\nFrom: ")
    assert again.content == first.content


def test_a_change_shows_the_time_that_was_told(session, harbor, visit):
    mail, _, message = letter(session, MessageKind.CHANGE, [visit])
    assert "Old time" not in text_of(mail)

    before = [(visit.start_at - DAY).isoformat(), (visit.end_at - DAY).isoformat()]
    message.values = {**message.values, "before": {str(visit.id): before}}
    text = text_of(message_from_bytes(compose(session, message, HEAD, NOW).content, policy=default))
    assert "Old time: Friday, November 27, 2026, 8:00 AM to 9:00 AM" in text


def test_a_name_cannot_break_out_of_the_html(session, visit):
    visit.patient.given_name = "<script>alert(1)</script>"
    mail, _, _ = letter(session, MessageKind.REMINDER, [visit])

    assert "<script>" not in mail.get_body(("html",)).get_content()


def test_a_proxy_is_written_to_by_their_own_name(session, visit):
    visit.patient.proxy_name, visit.patient.proxy_email = "Pat Care", "pat@example.org"
    mail, _, _ = letter(session, MessageKind.REMINDER, [visit], recipient="proxy")

    assert mail["To"] == "pat@example.org"
    assert "Hello Pat Care," in text_of(mail)


def test_every_kind_of_mail_has_its_text_in_every_language():
    for language in ("en", "es"):
        kinds = {kind.value for kind in MessageKind} - {"address", "request-answer"}
        for kind in sorted(kinds | {"private", "address-confirm", "address-notice", SUGGESTED, DECLINED}):
            check(kind, (FOLDER / language / f"{kind}.txt").read_text())


@pytest.mark.parametrize(
    ("language", "words"), [("en", "We received your request"), ("es", "Recibimos su solicitud")]
)
def test_a_reminder_of_a_visit_for_which_another_time_was_asked_says_so(
    session, harbor, visit, language, words
):
    nora = harbor.patients["Nora"]
    nora.language = language
    self_service.ask(session, Actor(harbor.clinic, None, None, "patient"), visit, NOW, None, "Friday please")

    text = text_of(letter(session, MessageKind.REMINDER, [visit])[0])
    assert words in text
    assert "one tap" not in text
    assert "Friday" not in text.replace("Friday, ", "")


@pytest.mark.parametrize(("types", "said"), [("nowhere", False), ("page", False), ("email", True)])
def test_a_mail_says_what_a_visit_is_only_where_the_clinic_allows(session, harbor, visit, types, said):
    harbor.clinic.settings_document = {"visit_types": types}
    visit.title, visit.position, visit.series_length = "Infusion", 3, 6
    mail, *_ = letter(session, MessageKind.CONFIRMATION, [visit])

    assert ("Infusion 3 of 6" in text_of(mail)) is said
    assert "Infusion" not in mail["Subject"]
