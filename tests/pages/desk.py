"""What a person does at a desk, for tests that need it done and test something else."""

import re
from datetime import datetime

from playwright.sync_api import Page

from scheduler.domain.localtime import local_on
from scheduler.models.appointment import Appointment, by_public_id
from tests.cast import PASSWORD

FORM_TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')


def sign_in(page: Page, email: str) -> Page:
    """Sign in. The form is sent without being drawn, and no page is opened: both cost half a second of a test."""
    form = FORM_TOKEN.search(page.request.get("/login").text())
    assert form is not None
    entered = {"csrf_token": form[1], "email": email, "password": PASSWORD}
    answer = page.request.post("/login", form=entered, max_redirects=0)
    assert answer.status == 302, answer.text()
    return page


def sign_in_by_form(page: Page, email: str) -> Page:
    """Sign in as a person does, and wait for the page that follows."""
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


def board_of(one: Appointment) -> str:
    return f"/board/{local_on(one.start_at, one.zone)}"


def fresh(session, one: Appointment) -> Appointment:
    """Return the visit as it is in the database now."""
    session.rollback()
    session.expire_all()
    return by_public_id(session, one.clinic_id, one.public_id)


def wall(one: Appointment) -> datetime:
    return one.start_at.astimezone(one.zone)
