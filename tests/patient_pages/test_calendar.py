import re
from datetime import timedelta

import icalendar
import pytest

from scheduler.models.calendar_feed import CalendarFeed
from scheduler.patient_pages.calendar import MOST
from scheduler.services.actors import Actor
from scheduler.services.feed import feeds
from scheduler.services.feed.subscribing import drawn
from tests.calendar_cast import NOW, make_patient
from tests.patient_pages.conftest import mark_in

ADDRESS = re.compile(r'value="(http://[^"]+/feeds/[\w-]{43}\.ics)"')


@pytest.fixture
def make(client, session, token):
    path = f"/visits/{token}/calendar"

    def post(what="", **fields):
        made = client.post(f"{path}{what}", data={"mark": mark_for(client, f"{path}{what}", path), **fields})
        session.rollback()
        return made

    post.path = path
    return post


@pytest.fixture
def own(session):
    """The addresses in use, oldest first: the path of each below the page."""

    def read():
        session.rollback()
        feeds = (
            session.query(CalendarFeed).filter(CalendarFeed.revoked_at.is_(None)).order_by(CalendarFeed.id)
        )
        return [f"/{feed.public_id}" for feed in feeds]

    return read


def mark_for(client, action, path):
    form = client.get(path).get_data(as_text=True).split(f'action="{action}"')[1]
    return form.split('name="mark" value="')[1].split('"')[0]


def path_of(page):
    return "/feeds/" + ADDRESS.search(page.get_data(as_text=True))[1].partition("/feeds/")[2]


def test_the_page_says_that_declining_in_a_calendar_does_not_cancel(client, make):
    assert "does not cancel it" in client.get(make.path).get_data(as_text=True)


def test_an_address_is_made_shown_once_and_serves_the_visits(client, make):
    made = make()
    text = made.get_data(as_text=True)
    feed = path_of(made)

    assert [str(e["uid"]) for e in icalendar.Calendar.from_ical(client.get(feed).data).events] == ["v1"]
    assert 'href="webcal://' in text
    assert "https://calendar.google.com/calendar/render?cid=webcal%3A%2F%2F" in text
    assert "https://outlook.live.com/calendar/0/addfromweb?url=http%3A%2F%2F" in text
    assert '<svg class="qr"' in text
    again = client.get(make.path).get_data(as_text=True)
    assert feed not in again
    assert "Created on Monday, March 2, 2026 at" in again
    assert "<h3>Werkzeug</h3>" in again
    assert "Last used on Monday, March 2, 2026 at" in again


def test_a_new_address_switches_off_the_one_that_it_replaces(client, make, own):
    phone, laptop = path_of(make()), path_of(make())
    new = path_of(make(f"{own()[0]}/rotation"))

    assert [client.get(path).status_code for path in (phone, laptop, new)] == [410, 200, 200]


def test_each_address_is_switched_off_by_itself(client, make, own):
    paths = [path_of(make()), path_of(make())]
    assert "The link is turned off." in make(f"{own()[1]}/revocation").get_data(as_text=True)

    assert [client.get(path).status_code for path in paths] == [200, 410]


def test_switching_off_twice_is_switching_off_once(client, session, make, own):
    make()
    (one,) = own()
    path = f"{make.path}{one}/revocation"
    mark = mark_for(client, path, make.path)
    assert [client.post(path, data={"mark": mark}).status_code for _ in range(2)] == [200, 200]
    assert client.post(f"{make.path}{one}/rotation", data={"mark": mark}).status_code == 409
    assert own() == []


def test_all_are_switched_off_at_once(client, make):
    paths = [path_of(make()), path_of(make())]
    assert "All links are turned off." in make("/revocation").get_data(as_text=True)

    assert [client.get(path).status_code for path in paths] == [410, 410]


def test_every_button_says_which_address_it_is_for(client, at, make):
    """Made on two days, the first read by Apple's calendar: nobody has to guess which is which."""
    client.get(path_of(make()), headers={"User-Agent": "macOS/14 CalendarAgent/1"})
    at.time += timedelta(days=1)
    make()
    page = client.get(make.path).get_data(as_text=True)
    names = re.findall(r"<button[^>]*>\s*(.*?)\s*</button>", page, re.S)
    said = [re.sub(r"<[^>]+>", "", name) for name in names]

    assert len(said) == len(set(said)) == 6
    assert said[1].startswith("Replace with a new link: Apple Calendar, created on Monday, March 2, 2026 at")
    assert said[4].startswith("Turn off: Not used yet, created on Tuesday, March 3, 2026 at")
    sections = re.findall(r'<section class="visit" aria-label="([^"]+)"', page)
    assert [one.partition(",")[0] for one in sections] == ["Apple Calendar", "Not used yet"]


def test_another_patients_address_is_not_there(client, session, clinic, make, own):
    other = make_patient(session, clinic)
    feed, secret = feeds.create(
        session, Actor(clinic, None, None, "patient"), other.resource_id, "neutral", NOW
    )
    session.commit()
    path, public_id = f"/feeds/{secret}.ics", feed.public_id
    for what in ("rotation", "revocation"):
        assert client.post(f"{make.path}/{public_id}/{what}", data={"mark": "x"}).status_code == 404
    assert client.get(path).status_code == 200


def test_the_kind_and_an_alarm_are_by_choice(client, session, make, own):
    plain = client.get(path_of(make())).data
    told = client.get(path_of(make(title_style="kind", alarm_minutes="120"))).data
    assert (b"VALARM" in plain, b"TRIGGER:-PT2H" in told.replace(b"\r\n ", b"")) == (False, True)
    assert b"SUMMARY:Appointment" in plain
    assert b"SUMMARY:Appointment" not in told
    page = client.get(make.path).get_data(as_text=True)
    assert "Each appointment shows its type." in page
    assert "Alarm 120 minutes before." in page
    client.get(path_of(make(title_style="initials", alarm_minutes="7")))
    latest = session.query(CalendarFeed).order_by(CalendarFeed.id.desc()).first()
    assert (latest.title_style, latest.alarm_minutes) == ("neutral", None)


def test_there_are_never_too_many(client, session, make):
    paths = [path_of(make()) for _ in range(MOST + 1)]

    assert [client.get(path).status_code for path in paths] == [410] + [200] * MOST


@pytest.mark.parametrize("what", ["", "{one}/rotation", "{one}/revocation", "/revocation"])
def test_without_a_mark_nothing_is_made_or_switched_off(client, session, make, own, what):
    feed = path_of(make())

    assert client.post(f"{make.path}{what.format(one=own()[0])}").status_code == 409
    session.rollback()
    assert session.query(CalendarFeed).count() == 1
    assert client.get(feed).status_code == 200


def test_opening_the_page_makes_nothing(client, session, token):
    assert mark_in(client.get(f"/visits/{token}/calendar"))
    session.rollback()
    assert session.query(CalendarFeed).count() == 0


def test_the_drawing_has_the_corners_of_a_qr_code():
    width, path = drawn("webcal://clinic.example/feeds/" + "a" * 43 + ".ics")
    dark = {tuple(map(int, cell)) for cell in re.findall(r"M(\d+) (\d+)h1v1h-1z", path)}
    corner = {(4 + x, 4 + y) for x in range(7) for y in range(7) if x in (0, 6) or y in (0, 6)}

    assert corner <= dark
    assert {(width - 1 - x, y) for x, y in corner} <= dark
    assert min(x for x, _ in dark) == 4
