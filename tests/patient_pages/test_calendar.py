import re

import icalendar
import pytest

from scheduler.models.calendar_feed import CalendarFeed
from scheduler.patient_pages.calendar import MOST
from scheduler.services.feed.subscribing import drawn
from tests.patient_pages.conftest import mark_in

ADDRESS = re.compile(r'value="(http://[^"]+/feeds/[\w-]{43}\.ics)"')


@pytest.fixture
def make(client, session, token):
    path = f"/visits/{token}/calendar"

    def post(what="", **fields):
        text = client.get(path).get_data(as_text=True)
        form = text.split(f'action="{path}{what}')[1]
        mark = form.split('name="mark" value="')[1].split('"')[0]
        made = client.post(f"{path}{what}", data={"mark": mark, **fields})
        session.rollback()
        return made

    post.path = path
    return post


def path_of(page):
    return "/feeds/" + ADDRESS.search(page.get_data(as_text=True))[1].partition("/feeds/")[2]


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
    assert "An address was made on Monday, March 2, 2026." in again
    assert "Werkzeug last read it on" in again


def test_a_new_address_switches_the_old_off(client, make):
    old = path_of(make())
    new = path_of(make("/rotation"))

    assert [client.get(path).status_code for path in (old, new)] == [410, 200]


def test_switching_off_switches_all_off(client, make):
    paths = [path_of(make()), path_of(make())]
    assert "The address is switched off." in make("/revocation").get_data(as_text=True)

    assert [client.get(path).status_code for path in paths] == [410, 410]


def test_there_are_never_too_many(client, session, make):
    paths = [path_of(make()) for _ in range(MOST + 1)]

    assert [client.get(path).status_code for path in paths] == [410] + [200] * MOST


@pytest.mark.parametrize("what", ["", "/rotation", "/revocation"])
def test_without_a_mark_nothing_is_made_or_switched_off(client, session, make, what):
    feed = path_of(make())

    assert client.post(f"{make.path}{what}").status_code == 409
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
