"""What a person does at a desk, for tests that need it done and test something else."""

from playwright.sync_api import Page

from tests.cast import PASSWORD


def sign_in(page: Page, email: str) -> Page:
    page.goto("/login")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("navigation", name="Main").wait_for()
    page.wait_for_load_state()  # a key pressed before the page's scripts have come is lost
    return page


def settle(page: Page) -> None:
    """Wait until the page is complete: its own files, its fonts, and the parts that htmx fetches."""
    page.wait_for_load_state()
    page.wait_for_function(
        "() => document.fonts.status === 'loaded' && !document.querySelector('.htmx-request')"
    )
