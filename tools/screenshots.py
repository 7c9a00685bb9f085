"""The pictures in docs/screenshots, taken by a desk that does the main job in a demo of its own.

`python -m tools.screenshots job pages mails` takes some of them; all, without a word.
The demo's clock stands on a Tuesday morning in New York, so the board always shows a working day.
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from playwright.sync_api import Browser, Page, ViewportSize

from tools import chromium, processes
from tools.mail_pictures import PICTURES as EVERY_MAIL
from tools.mail_pictures import every_mail, every_mail_of_new_rules, let_write
from tools.page_pictures import PICTURES as EVERY_PAGE
from tools.page_pictures import every_page
from tools.places import ROOT, Refused, answer
from tools.zones import SUMMER_FOR_EVER, write_zone

PICTURES = ROOT / "docs" / "screenshots"
ZONE = ZoneInfo("America/New_York")
DESK = "desk@demo.seriate.example"
PATIENT = "zoe@example.org"
WHICH = ["job", "pages", "mails"]  # the pages need the link that comes of the job
WIDE: ViewportSize = {"width": 1440, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
MAIL_IS_DUE = timedelta(seconds=90)  # a confirmation waits a minute for an undo
NOTICES_ARE_DUE = timedelta(minutes=5)  # what comes up within minutes joins one notice
CHANGES_ARE_DUE = timedelta(minutes=4)  # a change waits three minutes for others
NOTHING_MORE: Mapping[str, str] = {}
MAIL_IS_THERE = 60  # seconds, for the clock's next ticks


def main() -> int:
    asked = sys.argv[1:] or WHICH
    if unknown := [one for one in asked if one not in WHICH]:
        raise Refused(f"{unknown[0]} is none of {', '.join(WHICH)}.")
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="seriate-pictures-") as name:
        folder = Path(name)
        offset = tuesday() - datetime.now(UTC)
        travel(folder, offset)
        with chromium_of_ours() as browser, demo(folder) as address:
            if "mails" in asked:
                let_write(browser, address, folder)
            if "job" in asked or "pages" in asked:
                link = job(browser, address, folder, offset)
            if "pages" in asked:
                every_page(browser, address, folder, f"{tuesday():%Y-%m-%d}", link)
            if "mails" in asked:
                travel(folder, offset + NOTICES_ARE_DUE)
                every_mail(browser, address)
        if "mails" in asked:
            new_rules(folder, offset + NOTICES_ARE_DUE)
    for name, place in zip(WHICH, (PICTURES, EVERY_PAGE, EVERY_MAIL), strict=True):
        if name in asked:
            print(f"{name} in {place.relative_to(ROOT)}")
    return 0


def new_rules(folder: Path, offset: timedelta) -> None:
    """Start the demo again where its zone has lost its winter time, and look at what that makes it write."""
    zones = write_zone(folder / "zones", str(ZONE), SUMMER_FOR_EVER)
    with chromium_of_ours() as browser, demo(folder, {"PYTHONTZPATH": str(zones)}) as address:
        every_mail_of_new_rules(browser, address, lambda: travel(folder, offset + CHANGES_ARE_DUE))


@contextmanager
def chromium_of_ours() -> Iterator[Browser]:
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    with chromium.playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.fetch(), args=sandbox)
        yield browser
        browser.close()


def tuesday() -> datetime:
    today = datetime.now(ZONE)
    day = today + timedelta(days=(1 - today.weekday()) % 7)
    return day.replace(hour=10, minute=40, second=0, microsecond=0)


def travel(folder: Path, offset: timedelta) -> None:
    (folder / "clock").write_text(str(offset.total_seconds()), encoding="utf-8")


@contextmanager
def demo(folder: Path, more: Mapping[str, str] = NOTHING_MORE) -> Iterator[str]:
    """Run the demo in the folder; give its address when it is up."""
    port = processes.free_port()
    places = {"INSTANCE_PATH": str(folder), "CLOCK_FILE": str(folder / "clock"), "PORT": str(port)}
    own = {
        name: value
        for name, value in os.environ.items()
        if name not in ("DATABASE_URL", "SMTP_URL", "PUBLIC_URL")
    }
    run = subprocess.Popen(
        [sys.executable, "-m", "tools.run"],
        cwd=ROOT,
        env={**own, **places, **more},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert run.stdout
    try:
        said = []
        for line in run.stdout:
            said.append(line)
            if "Stop " in line:
                break
        else:
            raise Refused(f"the demo did not start:\n{''.join(said)}")
        yield f"http://{processes.LOOPBACK}:{port}"
    finally:
        run.send_signal(signal.SIGINT)
        run.communicate()


def job(browser: Browser, address: str, folder: Path, offset: timedelta) -> str:
    """Do the main job once and take a picture at every station; return the patient's private link."""
    page = browser.new_page(viewport=WIDE, base_url=address, timezone_id=str(ZONE))
    sign_in(page, folder)
    show(page, "/")
    take(page, "board-1440")
    show(page, f"/board/{tuesday():%Y-%m-%d}/week")
    take(page, "week-1440")
    show(page, f"/board/{tuesday():%Y-%m-%d}/print")
    take(page, "day-sheet-1440")
    show(page, "/patients")
    take(page, "patients-1440")
    book(page)
    take(page, "course-1440")
    page.emulate_media(color_scheme="dark")
    show(page, "/")
    take(page, "board-dark-1440")
    page.emulate_media(color_scheme="light")
    travel(folder, offset + MAIL_IS_DUE)
    show(page, f"/demo/mailbox/{confirmation(page)}")
    take(page, "mail-1440")
    link = re.search(r"http://\S+/visits/[^/?#\s]+(?=\s)", page.locator("pre.mail-text").inner_text())
    show(page, "/reminders")
    take(page, "sent-1440")
    if link is None:
        raise Refused("the confirmation holds no private link.")
    phone = browser.new_page(viewport=PHONE, timezone_id=str(ZONE))
    show(phone, link.group())
    take(phone, "visit-390")
    own = browser.new_page(viewport=PHONE, base_url=address, timezone_id=str(ZONE))
    sign_in(own, folder)
    show(own, "/")
    take(own, "board-390")
    return link.group()


def sign_in(page: Page, folder: Path) -> None:
    kept = (folder / "demo-credentials.txt").read_text(encoding="utf-8").splitlines()
    passwords = dict(line.split() for line in kept)
    show(page, "/login")
    page.get_by_label("Email").fill(DESK)
    page.get_by_label("Password").fill(passwords[DESK])
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("navigation", name="Main").wait_for(state="attached")  # a narrow page folds it


def book(page: Page) -> None:
    """Book a course for a new patient, with a picture of what is proposed."""
    show(page, "/patients/new")
    page.get_by_label("First name").fill("Zoë")
    page.get_by_label("Last name").fill("O’Brien")
    page.get_by_label("Email", exact=True).fill(PATIENT)
    page.get_by_label("OK to email appointment details").check()
    page.get_by_role("button", name="Save and book a course").click()
    page.get_by_label("Protocol").select_option("iv-depression-6")
    page.locator("#offers-title").wait_for()
    take(page, "booking-1440")
    page.get_by_role("button", name="Book these 15 visits and 6 calls").first.click()
    page.get_by_role("status").filter(has_text="Booked: 15 visits and 6 calls").wait_for()


def confirmation(page: Page) -> str:
    """Return the id of the patient's mail when the clock has sent it."""
    last = time.monotonic() + MAIL_IS_THERE
    while time.monotonic() < last:
        mails = page.request.get(f"/demo/mailbox.json?to={PATIENT}").json()
        if mails:
            return str(mails[0]["id"])
        time.sleep(0.5)
    raise Refused("the confirmation did not come.")


def show(page: Page, address: str) -> None:
    shown = page.goto(address)
    if shown is None or not shown.ok:
        raise Refused(f"{address} is no page to show.")


def take(page: Page, name: str) -> None:
    page.wait_for_load_state("networkidle")
    page.screenshot(path=PICTURES / f"{name}.png", animations="disabled")


if __name__ == "__main__":
    answer(main)
