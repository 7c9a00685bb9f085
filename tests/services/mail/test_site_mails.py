"""A mail says the address where the patient is to come."""

from datetime import timedelta

import pytest
from icalendar import Calendar

from scheduler.models.message import MessageKind
from scheduler.services.mail.letter_words import words_for
from scheduler.services.mail.told import times_document
from tests.cast import NOW, add_patient
from tests.engines import both
from tests.services.mail.test_letters import calendar_parts, letter, text_of
from tests.sites import ADDRESS, PHONE, add_north
from tests.visits import add_visit

DAY = timedelta(days=1)
HERE, THERE = "12 Harbor Street, New York", f"North, {ADDRESS}"


@pytest.fixture
def north(session, harbor):
    harbor.clinic.address, harbor.clinic.phone = HERE, "+1 212 555 0100"
    return add_north(session, harbor)


@pytest.fixture
def two(session, harbor, north):
    return [
        add_visit(session, harbor, *one) for one in (("Chair 1", NOW + 5 * DAY), ("North 1", NOW + 6 * DAY))
    ]


def shown(text, *words):
    return [one in text for one in words]


@both
def test_the_address_and_the_number_are_those_of_the_visits_site(session, two):
    for visit, seen in zip(two, ([True, False, False], [False, True, True]), strict=True):
        mail, _, _ = letter(session, MessageKind.CONFIRMATION, [visit])
        assert shown(text_of(mail), HERE, THERE, PHONE) == seen


@both
def test_the_invitation_is_at_the_site(session, two):
    places = []
    for visit in two:
        mail, _, _ = letter(session, MessageKind.CONFIRMATION, [visit])
        event = Calendar.from_ical(calendar_parts(mail)[0].get_content()).events[0]
        places.append((str(event["location"]), PHONE in str(event["description"])))

    assert places == [(f"Harbor Clinic, {HERE}", False), (f"Harbor Clinic, {THERE}", True)]


def test_a_mail_about_two_sites_says_at_each_visit_where_it_is(session, two):
    mail, _, _ = letter(session, MessageKind.CONFIRMATION, two)
    first, second = text_of(mail).split("* ")[1:3]

    assert (shown(first, HERE, THERE), shown(second.split("Your private")[0], HERE, THERE)) == (
        [True, False],
        [False, True],
    )
    assert shown(mail.get_body(("html",)).get_content(), HERE, THERE) == [True, True]


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("recipient", ["patient", "proxy"])
def test_another_address_at_the_same_time_has_words_of_its_own(session, harbor, north, language, recipient):
    visit = add_visit(session, harbor, "Chair 1", NOW + 5 * DAY)
    visit.patient.language = language
    visit.patient.proxy_name, visit.patient.proxy_email = "Ana", "ana@example.org"
    told = {"before": {str(visit.id): times_document(visit)}}
    visit.location = harbor.places["North 1"]
    session.flush()
    mail, _, message = letter(session, MessageKind.CHANGE, [visit], values=told, recipient=recipient)
    prefix = "proxy-" if recipient == "proxy" else ""

    assert words_for(session, message, [visit], in_the_open=True) == f"{prefix}new-place"
    assert mail["subject"].startswith({"en": "New address", "es": "Nueva dirección"}[language])
    assert text_of(mail).count(THERE) == 2  # at the visit, and below


def test_another_time_and_address_is_a_change_that_says_both(session, harbor, north):
    visit = add_visit(session, harbor, "North 1", NOW + 5 * DAY)
    before = add_visit(session, harbor, "Chair 1", NOW + 6 * DAY, add_patient(session, harbor, "Olga", "Oak"))
    told = {"before": {str(visit.id): times_document(before)}}
    mail, _, _ = letter(session, MessageKind.CHANGE, [visit], values=told)

    assert mail["subject"].startswith("New time")
    assert "Old time" in text_of(mail)
    assert THERE in text_of(mail).split("If this time")[0]


def test_with_one_site_no_mail_names_it(session, harbor):
    harbor.clinic.address = HERE
    visits = [add_visit(session, harbor, "Chair 1", NOW + n * DAY) for n in (5, 6)]
    mail, _, _ = letter(session, MessageKind.CONFIRMATION, visits)

    assert text_of(mail).count(HERE) == 1
    assert "Main" not in text_of(mail)
