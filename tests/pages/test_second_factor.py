"""Setting up the second step in a browser: picture, key, code, recovery codes; and signing in with a code."""

from passlib.totp import TOTP

from tests.cast import PASSWORD
from tests.pages.accessibility import findings, with_axe


def fill_in(page, email):
    page.goto("/login")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def test_a_newcomer_sets_it_up_and_signs_in_with_it(session, staffed, open_page, live_server):
    staffed.clinic.settings_document = {"second_factor_for_all": True}
    session.commit()
    page = with_axe(open_page(live_server))
    fill_in(page, "alice@example.org")
    picture = page.get_by_alt_text("QR code with the key below")
    picture.wait_for()
    assert picture.evaluate("image => image.complete && image.naturalWidth > 0")
    page.get_by_text("Can't scan the code?").click()
    app = TOTP(key=page.locator(".key").inner_text().replace("-", "").replace(" ", ""))
    grave = findings(page)
    used = app.generate()
    page.get_by_label("Code from the app").fill(used.token)
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("heading", name="Save these codes").wait_for()
    codes = page.locator(".codes code").all_inner_texts()
    grave += findings(page)
    page.get_by_role("link", name="I saved these codes").click()
    page.get_by_role("navigation", name="Main").wait_for()

    elsewhere = with_axe(open_page(live_server))
    fill_in(elsewhere, "alice@example.org")
    elsewhere.get_by_role("heading", name="Enter your code").wait_for()
    grave += findings(elsewhere)
    elsewhere.get_by_label("Code", exact=True).fill(codes[0])
    elsewhere.get_by_role("button", name="Sign in").click()
    elsewhere.get_by_role("navigation", name="Main").wait_for()

    assert (len(codes), grave) == (10, [])
