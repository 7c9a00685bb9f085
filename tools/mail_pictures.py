"""Every kind of mail in the demo's mailbox page, narrow and wide, light and dark, for eyes that look for what is wrong.

The mailbox says which text each mail is made of. A text that no mail of the demo is made of ends the command: no one
would look at it.
"""

import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, ViewportSize

from scheduler.notify.texts import FOLDER, PROXY
from scheduler.notify.words import LANGUAGES
from tools.places import ROOT, Refused

PICTURES = ROOT / "docs" / "screenshots" / "mails"
SIZES: tuple[ViewportSize, ...] = ({"width": 390, "height": 844}, {"width": 800, "height": 900})
ADMIN = "admin@demo.seriate.example"
TO_STAFF = (
    "account",
    "account-notice",
    "digest",
    "figures",
    "invitation",
    "notice",
    "task-notice",
    "zone-notice",
)  # who reads English
OF_NEW_RULES = ("same-hour", "zone-notice")  # only a demo whose zone follows new rules writes them
NEWCOMER = "newcomer@demo.seriate.example"
SEVERAL = "-several"
OWN_PAGE = re.compile(r"/visits/[^/?#]+$")  # a patient's, not that of the calendar or an answer
LONG_ENOUGH = 300  # seconds, for the clock's next ticks on a machine that has much else to do
Mails = dict[str, str]


def let_write(browser: Browser, address: str, folder: Path) -> None:
    """Do what makes the demo write what it has not written yet."""
    _new_browser(browser, address, folder)
    _cancel_in_spanish(browser, address)


def _cancel_in_spanish(browser: Browser, address: str) -> None:
    """Cancel the last visit of a course, as the patient does it by the link in the confirmation."""
    page = browser.new_page(base_url=address)
    course = _several(page, "confirmation-es")
    mails = page.request.get("/demo/mailbox.json").json()
    links = next(mail["links"] for mail in mails if mail["id"] == course)
    page.goto(next(link for link in links if OWN_PAGE.search(link)))
    last = page.locator('a[href*="/cancellation"]').last.get_attribute("href")
    page.goto(str(last))
    page.locator("button.danger").click()
    page.get_by_role("status").wait_for()
    page.close()


def _several(page: Page, name: str) -> str:
    """Return the mail of this name about several visits, once it is there."""
    last = time.monotonic() + LONG_ENOUGH
    while time.monotonic() < last:
        if mail := _come(page, [name]).get(f"{name}{SEVERAL}"):
            return mail
        time.sleep(1)
    raise Refused(f"the demo's mailbox has no {name} about several visits.")


def _new_browser(browser: Browser, address: str, folder: Path) -> None:
    """Invite someone, and sign in with a browser and another one."""
    for agent in ("Mozilla/5.0 (X11; Linux x86_64) Firefox/145.0", "Mozilla/5.0 (iPhone) Safari/605.1.15"):
        page = browser.new_page(base_url=address, user_agent=agent)
        kept = (folder / "demo-credentials.txt").read_text(encoding="utf-8").splitlines()
        page.goto("/login")
        page.get_by_label("Email").fill(ADMIN)
        page.get_by_label("Password").fill(dict(line.split() for line in kept)[ADMIN])
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("navigation", name="Main").wait_for()
        if "Firefox" in agent:
            page.goto("/settings/people")
            page.get_by_label("Email", exact=True).fill(NEWCOMER)
            page.get_by_role("button", name="Send invitation").click()
            page.get_by_text("is invited").wait_for()
        page.close()


def every_mail(browser: Browser, address: str) -> int:
    """Take them all; return how many kinds, languages and lengths there are."""
    return _every_mail(browser, address, tuple(_names(_kinds().difference(OF_NEW_RULES))))


def every_mail_of_new_rules(browser: Browser, address: str, go_on: Callable[[], None]) -> int:
    """Take those that tell of new rules of the zone: the desk's first, and patients' when time has gone on."""
    page = browser.new_page(base_url=address)
    _come(page, tuple(_names(["zone-notice"])))
    page.close()
    go_on()
    return _every_mail(browser, address, tuple(_names(OF_NEW_RULES)))


def _every_mail(browser: Browser, address: str, wanted: Sequence[str]) -> int:
    PICTURES.mkdir(parents=True, exist_ok=True)
    page = browser.new_page(base_url=address)
    mails = _come(page, wanted)
    page.close()
    for size in SIZES:
        for scheme in ("light", "dark"):
            page = browser.new_page(base_url=address, viewport=size, color_scheme=scheme)
            for name, mail in mails.items():
                _take(page, mail, PICTURES / f"{name}-{size['width']}-{scheme}.png")
            page.close()
    return len(mails)


def _come(page: Page, wanted: Sequence[str]) -> Mails:
    """Return one mail of each kind, by its name, when those that are wanted have come."""
    last = time.monotonic() + LONG_ENOUGH
    missing: set[str] = set()
    while time.monotonic() < last:
        found = _named(page.request.get("/demo/mailbox.json").json(), wanted)
        missing = {name for name in wanted if not {name, f"{name}{SEVERAL}"} & found.keys()}
        if not missing:
            return found
        time.sleep(1)
    raise Refused(f"the demo's mailbox has no mail of these: {', '.join(sorted(missing))}.")


def _kinds() -> set[str]:
    kinds = {file.stem for file in (FOLDER / "en").glob("*.txt")}
    return {one for one in kinds if not one.startswith(PROXY)}


def _names(kinds: Iterable[str]) -> Iterator[str]:
    """Yield each kind to staff in English, each to patients in every language."""
    for kind in sorted(kinds):
        yield from (f"{kind}-{one}" for one in (("en",) if kind in TO_STAFF else LANGUAGES))


def _named(mails: list[dict[str, Any]], names: Sequence[str]) -> Mails:
    found: Mails = {}
    for mail in mails:
        template = mail["template"] or {"name": "", "language": "", "visits": 0}
        name = f"{template['name']}-{template['language']}"
        if name in names:
            found.setdefault(f"{name}{SEVERAL}" if template["visits"] > 1 else name, str(mail["id"]))
    return found


def _take(page: Page, mail: str, file: Path) -> None:
    """Take the whole mailbox page, with the frame as high as the mail in it."""
    page.goto(f"/demo/mailbox/{mail}")
    page.wait_for_load_state("networkidle")
    frame = page.frames[-1]
    page.locator("iframe").evaluate(
        "frame => { frame.style.height = '0' }"
    )  # a frame's page is as high as the frame
    height = frame.evaluate("() => document.documentElement.scrollHeight")
    page.locator("iframe").evaluate("(frame, height) => { frame.style.height = `${height + 2}px` }", height)
    page.screenshot(path=file, full_page=True, animations="disabled")
