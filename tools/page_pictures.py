"""A picture of every page at three widths, and of the main ones in the dark, for eyes that look for what is wrong."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, ViewportSize

from tools.places import ROOT

PICTURES = ROOT / "docs" / "screenshots" / "pages"
SIZES: tuple[ViewportSize, ...] = (
    {"width": 1440, "height": 900},
    {"width": 1024, "height": 768},
    {"width": 390, "height": 844},
)
IN_THE_DARK = ("board", "week", "booking-page", "course-page", "patient", "patients-page")
ADMIN = "admin@demo.seriate.example"  # sees every page
Shots = dict[str, str]


def every_page(browser: Browser, address: str, folder: Path, on: str, link: str) -> None:
    """Take them all; `on` is the demo's day, `folder` its instance, `link` a patient's private one."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    first = _desk(browser, address, folder, SIZES[0], dark=False)
    shots = {**_shots(first, on), **_patients_shots(first, link)}
    first.context.close()
    for size in SIZES:
        _take(_desk(browser, address, folder, size, dark=False), shots, f"{size['width']}")
    dark = {name: where for name, where in shots.items() if name in IN_THE_DARK}
    _take(_desk(browser, address, folder, SIZES[0], dark=True), dark, "1440-dark")


def _desk(browser: Browser, address: str, folder: Path, size: ViewportSize, *, dark: bool) -> Page:
    context = browser.new_context(
        base_url=address,
        viewport=size,
        color_scheme="dark" if dark else "light",
        timezone_id="America/New_York",
        locale="en-US",
        reduced_motion="reduce",
    )
    page = context.new_page()
    kept = (folder / "demo-credentials.txt").read_text(encoding="utf-8").splitlines()
    page.goto("/login")
    page.get_by_label("Email").fill(ADMIN)
    page.get_by_label("Password").fill(dict(line.split() for line in kept)[ADMIN])
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("navigation", name="Main").wait_for(state="attached")  # a narrow page folds it
    return page


def _shots(page: Page, on: str) -> Shots:
    """Return the pages, with a patient, a course and a visit that have something to show."""
    page.goto("/")
    visit = _where(page, ".visit.urgent-here")
    page.goto(visit)
    patient = _where(page, "#panel-title a")
    course = _where(page, '#panel a[href^="/care-plans/"]')
    page.goto(f"/board/{on}/week")
    later = _where(page, "#week [data-ahead] .slot[draggable]")
    page.goto("/patients")
    known = [link.get_attribute("href") or "" for link in page.locator("#found td:first-child a").all()[:2]]
    page.goto("/settings/protocols")
    protocol = _where(page, '.settings-page a[href^="/settings/protocols/"]')
    return {
        "board": "/",
        "board-people": "/?view=people",
        "week": f"/board/{on}/week",
        "list": f"/board/{on}/agenda",
        "shift": f"/board/{on}/shift",
        "day-sheet": f"/board/{on}/print",
        "visit-page": visit,
        "visit-sheet": f"{visit}/sheet",
        "move": f"{later}/time",
        "patients": "/patients",
        "patient": patient,
        "patient-new": "/patients/new",
        "duplicates": "/patients/duplicates",
        "single-visit": f"/appointments/new?patient={patient.rsplit('/', 1)[1]}",
        "merge": f"{known[0]}/merger/{known[1].rsplit('/', 1)[1]}",
        "booking-who": "/care-plans/new",
        "booking-page": f"/care-plans/new?patient={patient.rsplit('/', 1)[1]}",
        "patient-record": f"{patient}/record",
        "course-page": course,
        "course-sheet": f"{course}/sheet",
        "course-lengths": f"{course}/lengths",
        "course-protocol": f"{course}/protocol",
        "asked": "/requests",
        "sent": "/reminders",
        "reminders": "/reminders?view=planned",
        "calls": "/reminders?view=calls",
        "audit": "/audit",
        "access": f"{patient}/access",
        "roles": "/settings/roles",
        "tokens": "/settings/tokens",
        "clinics": "/account/clinics",
        "second-step": "/account/second-factor",
        "second-step-enrollment": "/account/second-factor/enrollment",
        "start": "/start",
        "settings": "/settings",
        "clinic": "/settings/clinic",
        "zone-rules": "/zone-rules",
        "hours": "/settings/hours",
        "closures": "/settings/closures",
        "holidays": "/settings/holidays",
        "placing": "/settings/placing",
        "imports": "/settings/imports",
        "places": "/settings/places",
        "people": "/settings/people",
        "protocols": "/settings/protocols",
        "protocol": protocol,
        "rules": "/settings/rules",
        "self-service": "/settings/self-service",
        "data": "/settings/data",
        "calendars": "/calendars",
        "calendar-of-clinic": "/calendars/clinic",
        "calendar-of-patient": f"{patient}/feeds",
        "sessions": "/account/sessions",
        "password": "/account/password",
        "texts": "/settings/texts",
        "text": "/settings/texts/reminder/en",
        "refusal": "/patients/not-there",
        "mailbox": "/demo/mailbox",
    }


def _patients_shots(page: Page, link: str) -> Shots:
    """Return the pages behind a patient's private link, each about the first visit of which it is offered."""
    page.goto(link)
    return {
        "patients-page": link,
        "patients-ask": _where(page, 'a[href*="/request"]'),
        "patients-cancel": _where(page, 'a[href*="/cancellation"]'),
        "patients-driver": _where(page, 'a[href*="/driver"]'),
        "patients-wishes": f"{link}/preferences",
        "patients-calendar": f"{link}/calendar",
        "patients-sheet": f"{link}/sheet",
        "patients-unsubscribe": f"{link}/unsubscription",
        "patients-fresh-link": "/visits",
    }


def _where(page: Page, selector: str) -> str:
    return page.locator(selector).first.get_attribute("href") or ""


def _take(page: Page, shots: Shots, suffix: str) -> None:
    for name, where in shots.items():
        page.goto(where)
        page.wait_for_load_state("networkidle")
        with _whole(page):
            page.screenshot(path=PICTURES / f"{name}-{suffix}.png", full_page=True, animations="disabled")
    page.context.close()


@contextmanager
def _whole(page: Page) -> Iterator[None]:
    """Let a phone be as high as the page, so that its bar covers nothing and what lies below is drawn as well."""
    size = page.viewport_size
    if size != SIZES[-1]:
        yield
        return
    height = page.evaluate("document.scrollingElement.scrollHeight")
    page.set_viewport_size({"width": size["width"], "height": max(size["height"], height)})
    page.wait_for_load_state("networkidle")
    yield
    page.set_viewport_size(size)
