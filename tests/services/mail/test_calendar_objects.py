from datetime import timedelta

import pytest
from icalendar import Calendar
from sqlalchemy import delete, select

from scheduler.domain.status import AppointmentStatus
from scheduler.models.calendar_feed import CalendarFeed, TitleStyle
from scheduler.models.message import MessageSubject
from scheduler.services.mail import outbox
from scheduler.services.visit import moves, visits
from tests.cast import NOW
from tests.services.courses import book
from tests.services.mail.sending import (
    LISTENING,
    calendar_parts,
    flat,
    objects_in,
    send_due,
    text_of,
)
from tests.visits import add_visit

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
LATER = NOW + 10 * MINUTE


@pytest.fixture
def visit(session, harbor):
    return add_visit(session, harbor, "Chair 1", NOW + 5 * DAY)


@pytest.fixture
def other(session, harbor):
    return add_visit(session, harbor, "Chair 1", NOW + 7 * DAY)


def tell(session, harbor, visits, now=NOW, head=LISTENING):
    outbox.tell(session, harbor.clinic, visits, now)
    return send_due(session, now + 5 * MINUTE, head)


def invited(session, harbor, *visits):
    """Invite to each visit by a mail of its own."""
    for one in visits:
        [mail] = tell(session, harbor, [one])
        assert [method for method, *_ in objects_in(mail)] == ["REQUEST"]


def move(visit, by=DAY):
    visit.start_at, visit.end_at = visit.start_at + by, visit.end_at + by
    visit.schedule_version, visit.sequence = visit.schedule_version + 1, visit.sequence + 1


def cancel(visit):
    visit.status = AppointmentStatus.CANCELLED
    visit.schedule_version, visit.sequence = visit.schedule_version + 1, visit.sequence + 1


def subscribe(session, harbor, patient):
    feed = CalendarFeed(
        clinic_id=harbor.clinic.id, resource_id=patient.resource_id, digest="d" * 64,
        title_style=TitleStyle.NEUTRAL, created_at=NOW, last_fetched_at=NOW,
    )  # fmt: skip
    session.add(feed)
    session.flush()


def test_what_was_sent_is_kept_with_its_method_and_sequence(session, harbor, visit):
    invited(session, harbor, visit)

    [subject] = session.scalars(select(MessageSubject))
    assert (subject.appointment_id, subject.method, subject.sequence) == (visit.id, "REQUEST", visit.sequence)


@pytest.mark.parametrize(("change", "method"), [(move, "REQUEST"), (cancel, "CANCEL")])
def test_who_subscribes_after_an_invitation_still_gets_its_update_and_its_cancel(
    session, harbor, visit, change, method
):
    invited(session, harbor, visit)
    subscribe(session, harbor, visit.patient)
    change(visit)

    [mail] = tell(session, harbor, [visit], LATER)
    assert objects_in(mail) == [(method, visit.uid, visit.sequence)]


def test_who_subscribes_gets_no_first_invitation(session, harbor, visit):
    subscribe(session, harbor, visit.patient)
    [mail] = tell(session, harbor, [visit])

    assert calendar_parts(mail) == []
    assert "invitation" not in text_of(mail)


def test_a_cancellation_withdraws_only_what_the_address_was_invited_to(session, harbor, visit, other):
    invited(session, harbor, visit)
    visit.patient.email = "new@example.org"
    cancel(visit)

    [mail] = tell(session, harbor, [visit], LATER)
    assert (mail["To"], calendar_parts(mail)) == ("new@example.org", [])


def test_a_cancelled_invitation_is_not_cancelled_twice_and_may_be_sent_again(session, harbor, visit):
    invited(session, harbor, visit)
    methods = []
    for minutes, status in ((10, "cancelled"), (20, "booked"), (30, "cancelled")):
        visit.status = AppointmentStatus(status)
        visit.schedule_version, visit.sequence = visit.schedule_version + 1, visit.sequence + 1
        [mail] = tell(session, harbor, [visit], NOW + minutes * MINUTE)
        methods.append(objects_in(mail))

    assert [(method, number) for [(method, _, number)] in methods] == [
        ("CANCEL", 1),
        ("REQUEST", 2),
        ("CANCEL", 3),
    ]


def test_each_invitation_that_is_out_is_updated_by_a_mail_of_its_own(session, harbor, visit, other):
    third = add_visit(session, harbor, "Chair 1", NOW + 9 * DAY)
    invited(session, harbor, visit, other)
    tell(session, harbor, [third], head=LISTENING)
    for one in (visit, other):
        move(one, timedelta(hours=1))
    mails = tell(session, harbor, [visit, other], LATER)

    assert sorted(objects_in(mail)[0][:2] for mail in mails) == sorted(
        ("REQUEST", one.uid) for one in (visit, other)
    )


def test_changes_that_come_one_after_another_do_not_share_a_mail_with_two_invitations(
    session, harbor, visit, other
):
    invited(session, harbor, visit, other)
    for one in (visit, other):
        cancel(one)
        outbox.tell(session, harbor.clinic, [one], LATER)

    mails = send_due(session, LATER + 5 * MINUTE)
    assert sorted(objects_in(mail)[0][:2] for mail in mails) == sorted(
        ("CANCEL", one.uid) for one in (visit, other)
    )


def test_a_mail_about_several_visits_offers_the_calendar_first_and_carries_nothing(
    session, harbor, visit, other
):
    [mail] = tell(session, harbor, [visit, other])
    text = text_of(mail)

    assert calendar_parts(mail) == []
    assert not any(word in text.lower() for word in ("attached", "invitation", "file"))
    assert text.index("Add to calendar:\nhttps://seriate.example/visits/") < text.index("* Saturday")
    assert text.partition("Add to calendar:\n")[2].split()[0].endswith("/calendar")


def test_a_clinic_may_choose_a_file_for_several_visits(session, harbor, visit, other):
    harbor.clinic.settings_document = {"several_visits": "file"}
    [mail] = tell(session, harbor, [visit, other])
    [part] = calendar_parts(mail)

    assert (part.get_filename(), part.get_content_disposition()) == ("calendar.ics", "attachment")
    assert objects_in(mail) == [("", visit.uid, 0), ("", other.uid, 0)]
    assert "opening the attached file" in flat(mail)
    assert "Add to calendar" in flat(mail)


def test_a_clinic_may_choose_an_invitation_for_each_visit(session, harbor, visit, other):
    harbor.clinic.settings_document = {"several_visits": "invitations"}
    [mail] = tell(session, harbor, [visit, other])

    assert objects_in(mail) == [("REQUEST", visit.uid, 0), ("REQUEST", other.uid, 0)]
    assert [part.get_filename() for part in calendar_parts(mail)] == [
        "appointment-1.ics",
        "appointment-2.ics",
    ]
    assert "invitation for each appointment is attached" in flat(mail)
    cancel(visit)
    [later] = tell(session, harbor, [visit], LATER)
    assert objects_in(later) == [("CANCEL", visit.uid, 1)]


@pytest.mark.parametrize("choice", ["nothing", "file", "invitations"])
def test_no_file_comes_with_cancellations_of_what_was_never_invited(session, harbor, visit, other, choice):
    tell(session, harbor, [visit, other])
    harbor.clinic.settings_document = {"several_visits": choice}
    for one in (visit, other):
        cancel(one)
    [mail] = tell(session, harbor, [visit, other], LATER)

    assert calendar_parts(mail) == []
    assert "Add to calendar" not in flat(mail)


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "Declining it in your calendar does not cancel the appointment"),
        ("es", "Rechazarla en su calendario no cancela la cita"),
    ],
)
def test_an_invitation_says_that_declining_does_not_cancel_and_names_no_file(
    session, harbor, visit, language, words
):
    visit.patient.language = language
    harbor.clinic.settings_document = {"mail_texts": {"confirmation.en": "Hello!\n\n{visits}\n\n{clinic}"}}
    [mail] = tell(session, harbor, [visit])

    assert words in flat(mail)
    assert not any(word in flat(mail) for word in ("attached", "adjunt"))
    assert calendar_parts(mail)[0].get_content_disposition() is None


def test_a_clinics_own_text_says_where_the_words_about_the_calendar_stand(session, harbor, visit):
    own = "Hello!\n\n{calendar_note}\n\n{visits}\n\n{clinic}"
    harbor.clinic.settings_document = {"mail_texts": {"confirmation.en": own}}
    [mail] = tell(session, harbor, [visit])

    assert flat(mail).count("Declining it") == 1
    assert flat(mail).index("Declining it") < flat(mail).index("Saturday")


def test_an_answer_is_asked_for_only_where_answers_are_read(session, harbor, visit, other):
    [heard] = tell(session, harbor, [visit])
    [unheard] = tell(session, harbor, [other], head=send_due.__defaults__[0])
    cancel(visit)
    [off] = tell(session, harbor, [visit], LATER)

    assert [rsvp(mail) for mail in (heard, unheard, off)] == ["TRUE", "FALSE", "FALSE"]


def rsvp(mail):
    [part] = calendar_parts(mail)
    [event] = Calendar.from_ical(part.get_payload(decode=True)).walk("VEVENT")
    return event["ATTENDEE"].params["RSVP"]


def test_one_uid_counts_up_from_invitation_through_move_to_cancellation(session, harbor):
    alice = harbor.actor("alice")
    therapy = next(one for one in book(session, harbor).appointments if one.action == "therapy-6")
    session.execute(delete(MessageSubject))  # rows of the mail about the whole course
    mails = tell(session, harbor, [therapy])
    planned = moves.plan_move(session, alice, therapy, therapy.start_at + timedelta(hours=1), LATER)
    moves.apply_moves(session, alice, planned, LATER)
    mails += send_due(session, LATER + 5 * MINUTE)
    visits.cancel(session, alice, [therapy], LATER + DAY)
    mails += send_due(session, LATER + DAY + 5 * MINUTE)

    assert [objects_in(mail) for mail in mails] == [
        [(method, therapy.uid, number)] for number, method in enumerate(("REQUEST", "REQUEST", "CANCEL"))
    ]
