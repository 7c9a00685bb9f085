"""The whole job as a front-desk person does it, on the whole system: web, clock, mail."""

from datetime import timedelta
from itertools import pairwise

from icalendar import Calendar
from playwright.sync_api import expect

from scheduler.domain.plans import TICK
from tests.cast import NOW
from tests.pages.desk import sign_in_by_form
from tests.running import open_url


def test_a_course_is_booked_confirmed_by_mail_and_in_a_feed(staffed, system, open_page):
    system.travel(NOW)
    system.start()
    system.wait(system.is_well)
    page = sign_in_by_form(open_page(system.url), "alice@example.org")

    # a new patient
    page.keyboard.press("n")
    page.get_by_role("link", name="New patient").click()
    page.get_by_label("First name").fill("Zoë")
    page.get_by_label("Last name").fill("O’Brien")
    page.get_by_label("Email", exact=True).fill("zoe@example.org")
    page.get_by_label("OK to email appointment details").check()
    page.get_by_role("button", name="Save and book a course").click()

    # three courses, and the first is booked
    page.get_by_label("Protocol").select_option("iv-depression-6")
    page.get_by_label("Earliest start date").fill("2026-11-30")
    expect(page.get_by_role("heading", name="3 options")).to_be_visible()
    page.get_by_role("button", name="Book these 15 visits and 6 calls").click()
    expect(page.get_by_role("status")).to_contain_text("Booked: 15 visits and 6 calls for Zoë O’Brien.")
    expect(page.get_by_role("heading", name="IV ketamine for depression, six infusions")).to_be_visible()
    visits = page.locator(".course > li:not(:has(.is-proposed))")
    expect(visits).to_have_count(21)
    expect(page.locator(".gap-broken")).to_have_count(0)

    # one mail with the whole course
    system.travel(NOW + timedelta(minutes=2))
    mails = system.wait(lambda: system.mails(to="zoe@example.org"), seconds=30)
    assert len(mails) == 1
    page.goto("/demo/mailbox")
    page.get_by_role("link", name=mails[0]["subject"]).first.click()
    expect(page.get_by_role("main")).to_contain_text("zoe@example.org")

    # the calendar of the patient
    page.goto("/patients")
    page.get_by_role("main").get_by_role("searchbox").fill("obrien")
    page.get_by_role("link", name="Zoë O’Brien", exact=True).click()
    page.get_by_role("button", name="Create link").click()
    address = page.get_by_label("Link, for any calendar app that can subscribe").input_value()
    with open_url(address, timeout=10) as answer:
        feed = Calendar.from_ical(answer.read())
    events = feed.walk("VEVENT")
    assert (
        len(events) == 15
    )  # 3 preparatory visits, 6 infusions, 6 therapy sessions; check-in calls are the clinic's
    starts = sorted(event["DTSTART"].dt for event in events)
    assert all(later - earlier >= TICK for earlier, later in pairwise(starts))
