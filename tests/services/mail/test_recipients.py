"""Who gets which mail, in whose words and under which name."""

from datetime import timedelta
from email import message_from_bytes
from email.policy import default

import pytest
from sqlalchemy import select

from scheduler.domain.status import AppointmentStatus, Response
from scheduler.models.clinic import Clinic
from scheduler.models.message import MessageKind, MessageState
from scheduler.models.reminder import Reminder
from scheduler.models.visit_answer import CheckIn
from scheduler.notify.texts import FOR_PROXIES
from scheduler.services.mail import due, outbox, reminders
from scheduler.services.mail.letters import NoLetter, compose
from tests.cast import NOW
from tests.services.courses import visit as visit_of
from tests.services.mail.sending import HEAD, calendar_parts, flat, send_due
from tests.visits import add_visit

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)


@pytest.fixture
def nora(harbor):
    nora = harbor.patients["Nora"]
    nora.proxy_name, nora.proxy_email = "Pat Care", "pat@example.org"
    return nora


@pytest.fixture
def visit(session, harbor, nora):
    return add_visit(session, harbor, "Chair 1", NOW + 2 * DAY + HOUR)


def write(session, kind, about, recipient="patient", now=NOW, **values):
    """Compose the mail about this visit."""
    clinic = session.get_one(Clinic, about.clinic_id)
    message = outbox.enqueue(
        session, clinic, kind, now, patient=about.patient, about=[about], recipient=recipient, values=values
    )
    message.lease_token = "token"
    return message_from_bytes(compose(session, message, HEAD, now).content, policy=default)


def test_two_people_with_one_address_get_one_mail(session, harbor, nora, visit):
    nora.proxy_email = nora.email.upper()
    outbox.tell(session, harbor.clinic, [visit], NOW)
    reminders.plan_for(session, harbor.clinic, [visit], NOW)
    mails = send_due(session, NOW + 5 * MINUTE)

    assert [mail["To"] for mail in mails] == [nora.email]
    assert "Hello Nora," in flat(mails[0])
    assert set(session.scalars(select(Reminder.recipient))) == {"patient"}


def test_who_has_the_same_address_by_now_gets_no_second_reminder(session, harbor, nora, visit):
    reminders.plan_for(session, harbor.clinic, [visit], NOW)
    nora.proxy_email = nora.email
    due.collect(session, NOW + DAY + HOUR)

    reasons = {
        row.recipient: row.reason_code
        for row in session.scalars(select(Reminder))
        if row.due_at < NOW + 3 * DAY
    }
    assert reasons == {"patient": "", "proxy": "same-address"}


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize(
    ("kind", "words"),
    [(kind, "") for kind in MessageKind if kind.value in FOR_PROXIES]
    + [(MessageKind.REQUEST_ANSWER, "request-suggested"), (MessageKind.REQUEST_ANSWER, "request-declined")],
)
def test_a_proxy_reads_for_whom_it_is_and_is_not_spoken_to_as_the_patient(
    session, harbor, nora_course, nora, kind, words, language
):
    nora.language = language
    about = visit_of(nora_course, "infusion-2")
    if kind is MessageKind.CANCELLATION:
        about.status = AppointmentStatus.CANCELLED
    if kind is MessageKind.BOOSTER:
        about.status = AppointmentStatus.PROPOSED
    content = write(session, kind, about, "proxy", words=words)
    text, opening = flat(content), {"en": "Hello Pat Care,", "es": "Hola, Pat Care:"}[language]

    assert text.startswith(opening)
    assert "Nora" in text
    assert "Nora" not in str(content["Subject"])
    for wrong in (
        "your appointment",
        "your private page",
        "seeing you",
        "su cita",
        "su página",
        "Le esperamos",
    ):
        assert wrong.lower() not in text.lower()


@pytest.mark.parametrize(
    ("choice", "said", "unsaid"),
    [
        ("first-name", "booked for Nora:", "Lindqvist"),
        ("initials", "booked for N. L.:", "Nora"),
        ("nothing", "booked for the person you look after:", "Nora"),
    ],
)
def test_the_clinic_chooses_how_a_patient_is_named_to_a_proxy(session, harbor, visit, choice, said, unsaid):
    harbor.clinic.settings_document = {"proxy_names": choice}
    text = flat(write(session, MessageKind.CONFIRMATION, visit, "proxy"))

    assert said in text
    assert unsaid not in text


def test_a_proxy_of_a_patient_without_consent_reads_no_name(session, harbor, visit):
    visit.patient.email_ok = False
    mail = write(session, MessageKind.REMINDER, visit, "proxy")

    assert "Nora" not in flat(mail)
    assert "You have a message." in flat(mail)


def test_questions_about_how_the_patient_is_go_to_the_patient_only(session, harbor, visit):
    harbor.clinic.settings_document = {"reminder_rules": ["after-end 1 days: infusion"]}
    reminders.plan_for(session, harbor.clinic, [visit], NOW)

    asked = session.scalars(select(Reminder.recipient).where(Reminder.rule.startswith("after-")))
    assert list(asked) == ["patient"]


def test_the_sender_and_the_organizer_are_the_clinic(session, harbor, visit):
    harbor.clinic.name = 'Härbor "Street"; Clinic, One'
    mail = write(session, MessageKind.CONFIRMATION, visit)
    [part] = calendar_parts(mail)
    calendar = " ".join(part.get_payload(decode=True).decode().replace("\r\n ", "").split())

    assert mail["From"].addresses[0].display_name == "Härbor 'Street'; Clinic, One"
    assert mail["From"].addresses[0].addr_spec == "clinic@seriate.example"
    assert "ORGANIZER;CN=\"Härbor 'Street'; Clinic, One\":mailto:clinic@seriate.example" in calendar


@pytest.mark.parametrize(("discreet", "name"), [("", "Seriate"), ("Pier 9", "Pier 9")])
def test_without_consent_the_sender_is_not_the_name_of_the_clinic(session, harbor, visit, discreet, name):
    harbor.clinic.settings_document = {"mail_name": discreet} if discreet else {}
    visit.patient.email_ok = False
    mail = write(session, MessageKind.REMINDER, visit)

    assert mail["From"].addresses[0].display_name == name


def test_a_reminder_says_how_to_prepare_only_where_the_clinic_allows(session, harbor, nora_course):
    about = visit_of(nora_course, "infusion-2")
    at = about.start_at - DAY
    silent = flat(write(session, MessageKind.REMINDER, about, now=at))
    harbor.clinic.settings_document = {"reminder_preparation": True}
    open_words = flat(write(session, MessageKind.REMINDER, about, now=at))
    about.patient.email_ok = False
    private = flat(write(session, MessageKind.REMINDER, about, now=at))

    for text, says in ((silent, False), (open_words, True), (private, False)):
        assert ("No solid food from" in text) is says
        assert ("A driver is needed" in text) is says
    assert "important decisions" not in open_words  # what follows the visit is on the page


def test_a_reminder_asks_to_confirm_only_what_is_not_confirmed(session, harbor, visit):
    asking = flat(write(session, MessageKind.REMINDER, visit))
    visit.response = Response.ACCEPTED
    confirmed = flat(write(session, MessageKind.REMINDER, visit))

    assert "Please tap to confirm" in asking
    assert "Thank you for confirming" in confirmed
    assert "tap to confirm" not in confirmed


@pytest.fixture
def asked_after(session, harbor, visit):
    """A visit after which the patient is asked how they are, a day later."""
    harbor.clinic.settings_document = {"reminder_lead_hours": [], "reminder_rules": ["after-end 1 days"]}
    reminders.plan_for(session, harbor.clinic, [visit], NOW)
    return visit


def ended(session):
    return [(row.state.value, row.reason_code) for row in session.scalars(select(Reminder))]


def test_questions_after_a_visit_wait_until_it_is_recorded_as_attended(session, asked_after):
    at = asked_after.end_at + DAY
    due.collect(session, at)
    assert ended(session) == [("pending", "")]
    asked_after.status = AppointmentStatus.FULFILLED
    session.flush()
    due.collect(session, at + HOUR)

    assert ended(session) == [("queued", "")]


def test_questions_after_a_visit_of_which_nothing_was_recorded_are_not_sent(session, asked_after):
    due.collect(session, asked_after.end_at + 4 * DAY)

    assert ended(session) == [("skipped", "not-recorded")]


def test_no_mail_asks_what_the_page_does_not(session, harbor, asked_after):
    harbor.clinic.settings_document = {**harbor.clinic.settings_document, "check_in_kinds": ["session"]}
    asked_after.status = AppointmentStatus.FULFILLED
    session.flush()
    due.collect(session, asked_after.end_at + DAY)

    assert ended(session) == [("void", "not-asked")]


def test_who_has_answered_is_not_asked_again(session, harbor, visit):
    visit.status = AppointmentStatus.FULFILLED
    session.add(CheckIn(clinic_id=harbor.clinic.id, appointment_id=visit.id, mood=5, answered_at=NOW))
    message = outbox.enqueue(
        session, harbor.clinic, MessageKind.CHECK_IN, NOW, patient=visit.patient, about=[visit]
    )
    message.state, message.lease_token = MessageState.LEASED, "token"

    assert isinstance(compose(session, message, HEAD, NOW), NoLetter)
