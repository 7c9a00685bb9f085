"""Each job of the patient's page on a phone, with JavaScript and without it."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from scheduler.domain.status import AppointmentStatus, Response
from scheduler.models.appointment import Appointment
from scheduler.models.calendar_feed import CalendarFeed
from scheduler.models.patient import Patient
from scheduler.models.patient_request import PatientRequest
from scheduler.models.visit_answer import CheckIn
from scheduler.services.actors import Actor
from scheduler.services.feed import feeds
from tests.calendar_cast import HOUR, NOW, make_visit
from tests.running import served

AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


@pytest.fixture
def address(app, desks, token):
    with served(app) as url:
        yield url
        desks.close()


@pytest.fixture(params=[True, False], ids=["with-javascript", "without-javascript"])
def phone(request, open_page, address, token):
    page = open_page(address, java_script_enabled=request.param, **PHONE)
    page.goto(f"/visits/{token}")
    return page


@pytest.fixture
def fresh(session):
    def read(model, key):
        session.rollback()
        return session.get(model, key, populate_existing=True)

    return read


def test_confirming(phone, visit, fresh):
    phone.get_by_role("button", name="Confirm").click()

    expect(phone.get_by_role("status")).to_have_text("Thank you. We look forward to seeing you.")
    expect(phone.get_by_role("button", name="Confirm")).to_have_count(0)
    assert fresh(Appointment, visit.id).response is Response.ACCEPTED


def test_cancelling_after_thinking_again(phone, visit, fresh):
    phone.get_by_role("link", name="Cancel").click()
    phone.get_by_role("link", name="No, keep it").click()
    expect(phone.get_by_role("button", name="Confirm")).to_be_visible()
    assert fresh(Appointment, visit.id).status is AppointmentStatus.BOOKED

    phone.get_by_role("link", name="Cancel").click()
    phone.get_by_label("Reason (optional)").fill("a cold")
    phone.get_by_role("button", name="Yes, cancel").click()
    expect(phone.get_by_role("status")).to_have_text("Your appointment is canceled.")
    assert fresh(Appointment, visit.id).status_reason == "a cold"


def test_asking_for_another_time(phone, session):
    phone.get_by_role("link", name="Reschedule").click()
    phone.get_by_label("Days and times that work for you").fill("Tuesdays after nine")
    phone.get_by_role("button", name="Send request").click()

    expect(phone.get_by_text("You asked to reschedule").first).to_be_visible()
    session.rollback()
    assert session.query(PatientRequest).one().note == "Tuesdays after nine"


def test_saying_how_one_is(phone, session, at, visit):
    visit.status = AppointmentStatus.FULFILLED
    session.commit()
    at.time = visit.end_at + 20 * HOUR
    phone.reload()
    phone.get_by_role("link", name="Answer the check-in questions").click()
    phone.get_by_role("group", name="Little interest").get_by_label("Several days").check()
    phone.get_by_role("group", name="Your mood").get_by_label("8", exact=True).check()
    phone.get_by_role("button", name="Save").click()

    expect(phone.get_by_role("status")).to_have_text(
        "Thank you for your answers. Your team reads them, but not right away."
    )
    expect(phone.get_by_role("link", name="Call 988")).to_be_visible()
    session.rollback()
    row = session.query(CheckIn).one()
    assert (row.little_interest, row.feeling_down, row.mood) == (1, None, 8)


def test_wishes_and_another_language(phone, ana, fresh):
    phone.get_by_role("link", name="Preferences").click()
    phone.get_by_label("Tuesday").check()
    phone.get_by_label("Español", exact=True).check()
    phone.get_by_role("button", name="Save").click()

    expect(phone.get_by_role("status")).to_have_text("Sus preferencias están guardadas.")
    saved = fresh(Patient, ana.id)
    assert (saved.language, saved.preferences) == ("es", {"weekdays": [2]})


def test_a_calendar_of_ones_own(phone):
    phone.get_by_role("link", name="Add to calendar").click()
    phone.get_by_role("button", name="Create calendar link").click()
    expect(phone.get_by_label("Link")).to_have_value(re.compile("/feeds/"))
    apple = phone.get_by_role("link", name="Add to Apple Calendar")
    expect(apple).to_have_attribute("href", re.compile("^webcal:"))

    phone.get_by_role("button", name="Turn off").click()
    expect(phone.get_by_role("status")).to_have_text("The link is turned off.")


def test_one_of_two_calendars_is_switched_off(phone, session, clinic, ana, fresh):
    """One is read by a telephone, the other by nobody yet: each has a part of the page and buttons of its own."""
    actor = Actor(clinic, None, None, "patient")
    old, _ = feeds.create(session, actor, ana.resource_id, "neutral", NOW)
    feeds.note_fetch(session, old.id, "iOS/18 dataaccessd/1.0", NOW)
    new, _ = feeds.create(session, actor, ana.resource_id, "neutral", NOW)
    session.commit()
    phone.get_by_role("link", name="Add to calendar").click()
    apple = phone.get_by_role("region", name=re.compile("^Apple Calendar, created on"))
    expect(phone.get_by_role("region")).to_have_count(2)
    apple.get_by_role("button", name=re.compile("^Turn off.*Apple Calendar")).click()

    expect(phone.get_by_role("status")).to_have_text("The link is turned off.")
    expect(phone.get_by_role("region")).to_have_count(1)
    expect(phone.get_by_role("region", name=re.compile("^Not used yet, created on"))).to_be_visible()
    assert [fresh(CalendarFeed, one.id).revoked_at is None for one in (old, new)] == [False, True]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_fits_a_phone_and_can_be_used_by_everybody(
    scheme, open_page, address, session, clinic, ana, token, visit
):
    feeds.create(session, Actor(clinic, None, None, "patient"), ana.resource_id, "neutral", NOW)
    make_visit(session, clinic, ana, "2026-03-11T09:00", uid="v2")
    session.commit()
    page = open_page(address, color_scheme=scheme, **PHONE)
    base = f"/visits/{token}"
    of_visit = f"{base}/appointments/{visit.public_id}"
    paths = [base, f"{base}?lang=es", f"{of_visit}/cancellation", f"{of_visit}/request"]
    paths += [f"{of_visit}/check-in", f"{base}/preferences", f"{base}/calendar", "/visits"]
    found = {}
    for path in paths:
        page.goto(path)
        page.evaluate(AXE.read_text())
        faults = page.evaluate("axe.run().then(found => found.violations.map(one => one.id))")
        wide = page.evaluate("document.scrollingElement.scrollWidth") > 390
        small = page.evaluate(
            """[...document.querySelectorAll('button, .button, input:not([type=hidden]), nav a')]
            .filter(one => one.checkVisibility() && one.getBoundingClientRect().height < 24).length"""
        )
        if faults or wide or small:
            found[path.removeprefix(base)] = (faults, wide, small)

    assert found == {}
    page.evaluate("document.querySelector('label[for=email]').remove()")  # axe sees what is planted
    assert "label" in page.evaluate("axe.run().then(found => found.violations.map(one => one.id))")
