"""Staff and sign-ins in a browser: what is folded is opened by keys, and every step is accessible and fits."""

from playwright.sync_api import expect

from scheduler.services.clinic import places
from tests.cast import NOW
from tests.fonts import NARROW, WIDE
from tests.pages.accessibility import findings, with_axe
from tests.pages.desk import settle, sign_in
from tests.pages.fitting import misfits


def test_a_person_is_invited_and_asked_about_when_leaving(open_page, live_server, session, staffed):
    places.tie_account(session, staffed.command, staffed.people["Nina"], staffed.users["nick"], NOW)
    session.commit()
    page = with_axe(open_page(live_server, (*WIDE, *NARROW), reduced_motion="reduce"))
    sign_in(page, "mona@example.org")
    page.goto("/settings/people")
    page.get_by_text("Invite Noah").press("Enter")
    page.get_by_text("Manage the sign-in of Nina").press("Enter")
    page.get_by_text("Add to schedule: Alice").press("Enter")
    settle(page)
    found = [*findings(page), *misfits(page)]

    page.get_by_label("Email of Noah").fill("noah@example.org")
    expect(page.get_by_label("Role of Noah")).to_have_value("nurse")
    page.get_by_role("button", name="Send invitation to Noah").click()
    expect(page.locator("#toasts")).to_contain_text("Noah is invited.")
    expect(page.get_by_text("noah@example.org, nurse, invited")).to_be_visible()

    form = page.get_by_role("form", name="Nina")
    form.get_by_role("checkbox", name="active").uncheck()
    form.get_by_role("button", name="Save Nina").click()
    expect(page.get_by_role("heading", name="Take Nina off the schedule")).to_be_visible()
    settle(page)
    found += [*findings(page), *misfits(page)]
    page.get_by_role("radio", name="Keep the sign-in").check()
    page.get_by_role("button", name="Take off the schedule").click()
    expect(page.get_by_role("form", name="Nina").get_by_role("checkbox", name="active")).not_to_be_checked()

    assert found == []
