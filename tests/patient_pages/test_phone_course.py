"""A patient's jobs in the middle of a real course on a phone, with JavaScript and without it; and a mail scanner's."""

import re
from datetime import UTC, datetime

import icalendar
import pytest
from playwright.sync_api import expect
from sqlalchemy import text

from scheduler.database import db
from scheduler.models.appointment import Appointment
from scheduler.models.calendar_feed import CalendarFeed
from scheduler.models.message import Message
from scheduler.models.patient_request import PatientRequest
from scheduler.models.visit_answer import DriverAnswer
from scheduler.services.account.accounts import set_password
from scheduler.services.actors import Actor
from scheduler.services.patient import patient_requests
from tests.cast import NOW, PASSWORD
from tests.pages.desk import sign_in
from tests.patient_pages.conftest import mailed
from tests.services.courses import visit

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
COUNTED = ("request_count",)  # what only counts how often was asked


@pytest.fixture(autouse=True)
def at(tmp_path):
    """Let the server believe that it is NOW."""
    (tmp_path / "clock").write_text(str((NOW - datetime.now(UTC)).total_seconds()))


@pytest.fixture
def third(session, harbor, nora_course):
    """Nora's third infusion."""
    course = nora_course
    session.commit()
    return visit(course, "infusion-3")


@pytest.fixture
def link(session, harbor, third):
    return f"/visits/{mailed(session, harbor.clinic, third.patient, [third], now=NOW)}"


@pytest.fixture(params=[True, False], ids=["with-javascript", "without-javascript"])
def phone(request, open_page, live_server, link):
    page = open_page(live_server, java_script_enabled=request.param, **PHONE)
    page.goto(link)
    return page


def own(phone, third):
    """Return the part of the page that is about the visit."""
    return phone.locator("article", has=phone.locator(f"#visit-{third.public_id}"))


def test_naming_the_driver(phone, session, third, faults):
    faults.expect("status of 422")
    own(phone, third).get_by_role("link", name="Add my driver").click()
    phone.get_by_label("I have a driver").check()
    phone.get_by_label("Driver's name").fill("Sam")
    phone.get_by_role("button", name="Save").click()
    expect(phone.get_by_text("Please enter a phone number.")).to_be_visible()
    expect(phone.get_by_label("Driver's name")).to_have_value("Sam")
    phone.get_by_label("Driver's phone number").fill("+1 555 0199")
    phone.get_by_role("button", name="Save").click()

    expect(phone.get_by_text("You told us who is driving you home.").first).to_be_visible()
    session.rollback()
    answer = session.query(DriverAnswer).one()
    assert (answer.appointment_id, answer.phone) == (third.id, "+1 555 0199")


def test_choosing_a_start_that_the_desk_approves(phone, open_page, live_server, session, harbor, third):
    nora = Actor(harbor.clinic, None, None, "patient")
    wanted = patient_requests.starts(session, nora, third, NOW)[-1]
    later = [one for one in third.care_plan.appointments if one.start_at > third.start_at and one.visible]
    before = {one.id: one.start_at for one in later}
    set_password(session, harbor.users["alice"], PASSWORD)
    session.commit()

    own(phone, third).get_by_role("link", name="Reschedule").click()
    phone.locator(f'input[name="start"][value="{wanted.isoformat()}"]').check()
    phone.get_by_role("button", name="Send request").click()
    expect(phone.get_by_text("You asked to reschedule").first).to_be_visible()

    desk = sign_in(open_page(live_server), "alice@example.org")
    desk.goto("/requests")
    desk.get_by_role("button", name=re.compile("^Review and approve")).click()
    desk.locator("#confirm-move").click()
    expect(desk).to_have_url(re.compile("/requests$"))
    session.rollback()
    assert session.get(Appointment, third.id, populate_existing=True).start_at == wanted
    moved = [
        one for one in before if session.get(Appointment, one, populate_existing=True).start_at != before[one]
    ]
    expect(desk.get_by_role("status")).to_contain_text(f"{len(moved) + 1} visits moved" if moved else "moved")
    phone.reload()
    expect(phone.get_by_text("You asked to reschedule")).to_have_count(0)


def test_one_visit_for_the_own_calendar(phone, third):
    with phone.expect_download() as loading:
        own(phone, third).get_by_role("link", name="Add to my calendar").click()
    body = loading.value.path().read_bytes()

    (event,) = icalendar.Calendar.from_ical(body).events
    assert (str(event["uid"]), event.start) == (third.uid, third.start_at)


def test_a_calendar_address_is_renewed(phone, session, client):
    phone.get_by_role("link", name="Add to calendar").click()
    phone.get_by_role("button", name="Create calendar link").click()
    address = phone.get_by_label("Link")
    first = address.input_value()
    phone.get_by_role("button", name="Replace with a new link").click()
    expect(address).not_to_have_value(first)
    second = address.input_value()

    paths = [made[made.index("/feeds/") :] for made in (first, second)]
    assert [client.get(path).status_code for path in paths] == [410, 200]
    assert session.query(CalendarFeed).count() == 2


def test_asking_for_a_fresh_link(phone, session):
    session.rollback()
    before = session.query(Message).count()
    session.rollback()
    phone.goto("/visits")
    phone.get_by_label("Email").fill("nora@example.org")
    phone.get_by_role("button").first.click()
    expect(phone.get_by_role("status")).to_be_visible()

    session.rollback()
    assert session.query(Message).count() == before + 1


def everything(session):
    """Return all rows of all tables, but for what counts requests."""
    session.rollback()
    tables = [table.name for table in db.metadata.sorted_tables if table.name not in COUNTED]
    rows = {name: sorted(map(repr, session.execute(text(f'SELECT * FROM "{name}"')))) for name in tables}
    session.rollback()
    return rows


def links_in(page):
    return {
        found.replace("&amp;", "&") for found in re.findall(r'(?:href|action|src)="(/visits[^"]*)"', page)
    }


def test_a_scanner_that_opens_every_link_changes_nothing(client, session, link):
    """Mail scanners follow each link of a mail and of the pages behind it, forms' addresses included, and send HEAD."""
    client.get(link)  # that the link was opened is recorded once a day
    before = everything(session)
    seen, waiting, statuses = set(), {link}, {}
    while waiting:
        path = waiting.pop()
        seen.add(path)
        answer = client.get(path, headers={"User-Agent": "scanner"})
        statuses[path] = (answer.status_code, client.head(path).status_code, client.options(path).status_code)
        if answer.mimetype == "text/html":
            waiting |= links_in(answer.get_data(as_text=True)) - seen

    for word in ("cancellation", "confirmation", "request", "driver", "calendar", "preferences", "visit.ics"):
        assert any(path.split("?")[0].endswith(word) for path in seen), word
    assert {status for status, *_ in statuses.values()} <= {200, 405}
    assert everything(session) == before


def test_the_scanner_test_sees_what_a_patient_does(client, session, link, third):
    before = everything(session)
    page = client.get(link).get_data(as_text=True)
    mark = re.search(rf'{third.public_id}/confirmation.*?name="mark" value="([^"]+)"', page, re.DOTALL)[1]
    session.rollback()
    client.post(f"{link}/appointments/{third.public_id}/confirmation", data={"mark": mark})

    after = everything(session)
    assert {name for name in after if after[name] != before[name]} >= {"appointment", "appointment_event"}
    assert session.query(PatientRequest).count() == 0


def test_a_sentence_that_ends_in_a_spanish_time_has_one_full_stop(phone, link):
    phone.goto(f"{link}?lang=es")

    expect(phone.locator("main")).to_contain_text("m.")
    expect(phone.locator("main")).not_to_contain_text("..")
