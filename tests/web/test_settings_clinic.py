"""The clinic's name and address on their settings page, and what follows: calendars, mail, pages."""

import re

import pytest
import vobject

from scheduler.domain.formats import Formats
from scheduler.models.audit_event import AuditEvent
from scheduler.models.message import Message
from scheduler.services import private_links
from scheduler.services.feed import feeds
from scheduler.services.mail.letters import Letterhead, compose
from tests.cast import NOW, SETTINGS
from tests.engines import SECRET_KEY

PAGE = "/settings/clinic"
HEAD = Letterhead("https://clinic.example", (SECRET_KEY,), "Clinic <visits@clinic.example>")
NEW = {"name": "Клиника «Pier 9», ❤", "phone": "+1 555 0199", "address": "9 Pier Road; Portland"}


def form(client, **changes):
    """Return what the page's form would send, with changes."""
    text = client.get(PAGE).text
    sent = dict(re.findall(r'name="(\w+)" type="(?:text|tel)" value="([^"]*)"', text))
    chosen = re.findall(
        r'<select class="form-select" id="(\w+)".*?<option value="([^"]*)" selected', text, re.S
    )
    ticked = re.findall(r'type="checkbox" id="(\w+)" name="\1" value="yes" checked', text)
    return sent | dict(chosen) | dict.fromkeys(ticked, "yes") | changes


@pytest.fixture
def feed(session, harbor, course):
    _, token = feeds.create(session, harbor.actor("alice"), course.patient.resource_id, "neutral", NOW)
    session.commit()
    return f"/feeds/{token}.ics"


def test_a_form_that_is_sent_back_as_it_came_changes_nothing(session, harbor, signed_in):
    client = signed_in(harbor, "mona")
    sent = form(client)

    assert sent["name"] == "Harbor Clinic"
    assert client.post(PAGE, data=sent).status_code == 303
    session.rollback()
    assert (harbor.clinic.name, harbor.clinic.settings_document) == ("Harbor Clinic", SETTINGS)
    assert not [row for row in session.query(AuditEvent) if row.event == "clinic.changed"]


def test_a_clinic_that_is_renamed_is_renamed_everywhere(session, harbor, course, feed, signed_in):
    client = signed_in(harbor, "mona")
    before = client.get(feed)
    old = vobject.readOne(before.text)
    assert client.get(feed, headers={"If-None-Match": before.headers["ETag"]}).status_code == 304

    assert client.post(PAGE, data=form(client, **NEW)).status_code == 303
    after = client.get(feed, headers={"If-None-Match": before.headers["ETag"]})
    new = vobject.readOne(after.text)
    assert after.status_code == 200
    assert (old.x_wr_calname.value, old.vevent.location.value) == ("Harbor Clinic", "Harbor Clinic")
    assert [new.contents[key][0].value for key in ("name", "x-wr-calname")] == [NEW["name"]] * 2
    place = ", ".join((NEW["name"], NEW["address"]))
    told = {(one.location.value, one.description.value) for one in new.vevent_list}
    assert {location for location, _ in told} == {place}
    assert all(NEW["phone"] in words for _, words in told)
    was = {one.uid.value: one for one in old.vevent_list}
    for one in new.vevent_list:
        assert one.dtstamp.value >= was[one.uid.value].dtstamp.value
        assert one.sequence.value == was[one.uid.value].sequence.value

    session.rollback()
    token = private_links.page_token([SECRET_KEY], course_message(session, course), private_links.VISITS, 1)
    page = client.get(f"/visits/{token}").text
    letter = compose(session, course_message(session, course), HEAD, NOW)
    for text in (client.get("/settings").text, page, letter.subject + letter.content.decode()):
        assert "Harbor Clinic" not in text
    assert "Клиника «Pier 9», ❤" in page
    (event,) = (row for row in session.query(AuditEvent) if row.event == "clinic.changed")
    assert sorted(event.fields) == ["address", "name", "phone"]


def course_message(session, course):
    """Return the confirmation of the course."""
    return session.query(Message).filter(Message.patient_id == course.patient_id).first()


def test_a_discreet_name_stands_in_for_the_clinics_own(session, harbor, feed, signed_in):
    client = signed_in(harbor, "mona")
    client.post(PAGE, data=form(client, mail_name="Pier 9", visit_label="Termin"))
    read = vobject.readOne(client.get(feed).text)

    assert read.x_wr_calname.value == "Pier 9"
    assert {one.summary.value for one in read.vevent_list} == {"Termin"}
    assert "Harbor Clinic" in client.get("/settings").text


def test_what_cannot_be_kept_is_named_and_nothing_is_saved(session, harbor, signed_in):
    client = signed_in(harbor, "mona")
    answer = client.post(PAGE, data=form(client, name="", phone="1" * 41, visit_label="\u202e", address="x"))

    assert answer.status_code == 422
    assert re.findall(r'id="(\w+)-wrong"', answer.text) == ["name", "phone", "visit_label"]
    assert 'name="address" type="text" value="x"' in answer.text
    session.rollback()
    assert (harbor.clinic.name, harbor.clinic.address) == ("Harbor Clinic", "")


def test_the_clinic_chooses_how_dates_and_times_are_written(session, harbor, course, signed_in):
    client = signed_in(harbor, "mona")
    visit = course.appointments[0]
    page = f"/appointments/{visit.public_id}"
    token = private_links.page_token([SECRET_KEY], course_message(session, course), private_links.VISITS, 1)
    start = visit.start_at.astimezone(harbor.clinic.zone)

    for chosen, formats in (
        ({}, Formats()),
        ({"clock_24_hours": "yes"}, Formats(twenty_four=True)),
        ({"locale": "en-GB"}, Formats("en-GB", twenty_four=True)),
    ):
        assert client.post(PAGE, data=form(client, **chosen)).status_code == 303
        assert f"say: {formats.spoken(start)}" in client.get(page).text
        patients_page = client.get(f"/visits/{token}").text
        assert formats.long(start) in patients_page and f"{formats.time(start)} to " in patients_page
        session.rollback()
        assert (
            formats.long(start)
            in compose(session, course_message(session, course), HEAD, NOW).content.decode()
        )

    first, *_ = re.findall(r'<th scope="row">(\w+)</th>', client.get("/settings/hours").text)
    assert first == "Monday"
    assert client.post(PAGE, data=form(client, locale="de-DE")).status_code == 422
