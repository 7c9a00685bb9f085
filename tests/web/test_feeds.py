"""Calendar links of people, places and the clinic on the desk's pages."""

import re
from datetime import timedelta

import icalendar
import pytest

from scheduler.models.audit_event import AuditEvent
from scheduler.services.feed import feeds
from tests.cast import NOW

ADDRESS = re.compile(r'value="[^"]*(/feeds/[\w-]{43}\.ics)"')


@pytest.fixture
def alice(harbor, signed_in):
    return signed_in(harbor, "alice")


def made(client, page, **fields):
    """Make an address on a page and return its path; it is on this answer and on no later one."""
    answer = client.post(page, data=fields)
    assert answer.status_code == 200
    (path,) = ADDRESS.findall(answer.text)
    assert path.split("/")[-1] not in client.get(page).text
    return path


def titles(client, path):
    return {str(event["summary"]) for event in icalendar.Calendar.from_ical(client.get(path).data).events}


def pages(cast):
    return {
        "clinic": "/calendars/clinic",
        "person": f"/calendars/people/{cast.people['Nina'].public_id}",
        "place": f"/calendars/places/{cast.places['Chair 1'].public_id}",
        "patient": f"/patients/{cast.patients['Nora'].public_id}/feeds",
    }


@pytest.mark.parametrize("whose", ["clinic", "person", "place", "patient"])
def test_an_address_is_made_renewed_and_switched_off(session, harbor, course, alice, whose):
    page = pages(harbor)[whose]
    first = made(alice, page, title_style="kind")
    assert any("/6" in title for title in titles(alice, first))

    (feed,) = re.findall(r"/calendar-feeds/([\w-]+)/rotation", alice.get(page).text)
    (second,) = ADDRESS.findall(alice.post(f"/calendar-feeds/{feed}/rotation").text)
    assert (alice.get(first).status_code, alice.get(second).status_code) == (410, 200)

    (feed,) = re.findall(r"/calendar-feeds/([\w-]+)/rotation", alice.get(page).text)
    answer = alice.post(f"/calendar-feeds/{feed}/revocation")
    assert (answer.status_code, answer.location) == (303, page)
    assert alice.get(second).status_code == 410
    assert "None yet" in alice.get(page).text
    session.rollback()  # see what the requests wrote
    assert sorted(row.event for row in session.query(AuditEvent) if row.event.startswith("feed.")) == [
        "feed.created",
        "feed.created",
        "feed.revoked",
        "feed.revoked",
    ]


def test_each_program_has_one_button_and_two_lines_of_help(harbor, alice):
    page = alice.post("/calendars/clinic", data={"title_style": "neutral"}).text
    programs = page.partition('<ul class="programs">')[2].partition("</ul>")[0].split("<li>")[1:]
    words = [re.search(r">([^<>]+)</a>", one)[1] for one in programs]

    assert [one.split()[-1] for one in words[:3]] == ["Calendar", "Calendar", "Outlook.com"]
    assert [re.search(r'href="([a-z]+:)', one)[1] for one in programs] == [
        "webcal:",
        "https:",
        "https:",
        "https:",
        "webcal:",
    ]
    for one in programs:
        how, soon = re.search(r"<p[^>]*>(.*?)<br />(.*?)</p>", one, re.S).groups()
        assert how.strip().endswith(".")
        assert soon.strip().startswith("Updates ")
    assert 'aria-label="QR code of the link"' in page


def test_staff_may_see_initials_and_choose_how_much(session, harbor, course, alice):
    page = pages(harbor)["clinic"]
    path = made(alice, page, title_style="initials", days_ahead="2", days_back="0", alarm_minutes="15")
    shown = icalendar.Calendar.from_ical(alice.get(path).data).events

    session.rollback()  # see what the request wrote
    (feed,) = feeds.of_resource(session, harbor.clinic.id, None)
    assert (feed.days_back, feed.days_ahead, feed.alarm_minutes) == (0, 2, 15)
    assert {str(event["summary"])[:6] for event in shown} <= {"N. L. "}
    soon = [
        one for one in course.appointments if one.start_at < NOW + timedelta(hours=37)
    ]  # midnight, two days on
    assert {str(event["uid"]) for event in shown} == {one.uid for one in soon if one.status != "proposed"}
    assert "0 days back" in alice.get(page).text
    assert "(15, &#39;15 minutes before&#39;)" not in alice.get(page).text  # not among the frame's alarms


def test_what_cannot_be_made_says_why_and_keeps_the_form(harbor, alice):
    page = pages(harbor)["patient"]
    answer = alice.post(page, data={"title_style": "initials", "days_back": "900", "days_ahead": "many"})

    assert answer.status_code == 422
    for words in ("initials are for feeds of staff", "must be from 0 to 366", "must be from 1 to 732"):
        assert words in answer.text
    assert 'value="900"' in answer.text


def test_who_read_it_last_is_told(session, harbor, alice):
    page = pages(harbor)["person"]
    path = made(alice, page)
    assert "Never used" in alice.get(page).text
    alice.get(path, headers={"User-Agent": "Mozilla/5.0 Gecko/20100101 Thunderbird/153.0"})

    for seen in (alice.get(page), alice.get("/calendars")):
        assert re.search(r"ast used Mon, Nov 23, 8:00 AM", seen.text)
    assert re.search(r"by\s+Thunderbird", alice.get(page).text)


def test_everyone_finds_their_own_calendar_once_it_is_tied_to_their_account(session, harbor, signed_in):
    nina = pages(harbor)["person"]
    mona = signed_in(harbor, "mona")
    session.rollback()  # what a test has read must not stand between it and writing
    nick = signed_in(harbor, "nick")
    assert nick.get("/calendars/mine").location == "/calendars"

    assert (
        mona.post(
            f"{nina.replace('/calendars', '/settings')}/account", data={"email": "nick@example.org"}
        ).status_code
        == 303
    )
    assert nick.get("/calendars/mine").location == nina
    assert "My calendar" in nick.get("/calendars").text

    mona.post(f"{nina.replace('/calendars', '/settings')}/account", data={"email": ""})
    assert nick.get("/calendars/mine").location == "/calendars"
    assert (
        mona.post(
            f"{nina.replace('/calendars', '/settings')}/account", data={"email": "oscar@example.org"}
        ).status_code
        == 404
    )


def test_only_who_may_change_people_ties_accounts(harbor, signed_in):
    page = pages(harbor)["person"]

    assert (
        signed_in(harbor, "nick")
        .post(f"{page.replace('/calendars', '/settings')}/account", data={})
        .status_code
        == 403
    )


def test_who_only_reads_has_no_calendar_addresses(harbor, signed_in):
    rita = signed_in(harbor, "rita")

    assert [rita.get(page).status_code for page in ("/calendars", "/calendars/mine")] == [403, 403]
    assert "My calendar" not in rita.get("/").text
