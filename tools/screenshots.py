"""`make screenshots`: pictures of every page at three widths, from a demo of their own, into docs/screenshots/.

The demo plays on Monday 23 November 2026, so that its pictures change only when the pages do.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import ProxyHandler, build_opener

from playwright.sync_api import Browser, Page, sync_playwright

from tools import chromium, processes
from tools.places import ROOT, Refused, answer

PLAYED_AT = datetime(2026, 11, 23, 15, 40, tzinfo=UTC)  # 10:40 in New York, chairs are busy
FOLDER = ROOT / "docs" / "screenshots"
WIDTHS = {1440: 900, 1024: 768, 390: 844}
PATIENCE = 60
KEY = "5f2c81d09be74a36c1d8e0472b9fa6535f2c81d09be74a36"  # of a demo that lives for two minutes
FLAGS = (
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
Shot = tuple[str, str]


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="seriate-pictures-") as name:
        folder = Path(name)
        environ = _environ(folder)
        for command in ("db upgrade", "demo load --seed 1"):
            _flask(command, environ)
        email, password = _manager((folder / "demo-credentials.txt").read_text(encoding="utf-8"))
        running = [
            subprocess.Popen(command, cwd=ROOT, env=environ)
            for command in processes.commands(int(environ["PORT"]), 1).values()
        ]
        try:
            _wait(environ["PUBLIC_URL"])
            _take(environ["PUBLIC_URL"], email, password)
        finally:
            for process in running:
                process.terminate()
            for process in running:
                process.wait(PATIENCE)
    print(f"{len(list(FOLDER.glob('*.png')))} pictures are in {FOLDER.relative_to(ROOT)}.")
    return 0


def _environ(folder: Path) -> dict[str, str]:
    port, mail = processes.free_port(), processes.free_port()
    clock = folder / "clock"
    clock.write_text(str((PLAYED_AT - datetime.now(UTC)).total_seconds()))
    return {
        **os.environ,
        "APP_ENV": "demo",
        "INSTANCE_PATH": str(folder),
        "SECRET_KEY": KEY,
        "PORT": str(port),
        "PUBLIC_URL": f"http://{processes.LOOPBACK}:{port}",
        "SMTP_URL": f"smtp://{processes.LOOPBACK}:{mail}",
        "CLOCK_FILE": str(clock),
    }


def _flask(command: str, environ: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "flask", *command.split()], check=False, cwd=ROOT, env=environ
    )
    if done.returncode:
        raise Refused(f"`flask {command}` failed; its reason is above.")


def _manager(text: str) -> tuple[str, str]:
    """Return the address and password of the demo's manager."""
    found = re.search(r"(manager@\S+)\s+(\S+)", text)
    if found is None:
        raise Refused("the demo's credentials name no manager.")
    return found[1], found[2]


def _wait(address: str) -> None:
    opener = build_opener(ProxyHandler({}))  # this machine is never behind a proxy
    last = time.monotonic() + PATIENCE
    while time.monotonic() < last:
        try:
            opener.open(f"{address}/healthz", timeout=5).close()
        except (HTTPError, OSError):
            time.sleep(0.2)
        else:
            return
    raise Refused("the demo does not come up.")


def _take(address: str, email: str, password: str) -> None:
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    path = chromium.find()
    if path is None:
        raise Refused("there is no Chromium: `make setup` gets one.")
    flags = [*FLAGS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=flags)
        shots = _shots(_desk(browser, address, email, password, 1440, "light"))
        for width in WIDTHS:
            _picture(_desk(browser, address, email, password, width, "light"), shots, f"{width}")
        dark = [shot for shot in shots if shot[0] in ("board", "course", "book")]
        _picture(_desk(browser, address, email, password, 1440, "dark"), dark, "1440-dark")
        browser.close()


def _desk(browser: Browser, address: str, email: str, password: str, width: int, scheme: str) -> Page:
    context = browser.new_context(
        base_url=address,
        viewport={"width": width, "height": WIDTHS[width]},
        color_scheme="dark" if scheme == "dark" else "light",
        timezone_id="America/New_York",
        locale="en-US",
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.goto("/login")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("navigation", name="Main").wait_for()
    return page


def _shots(page: Page) -> list[Shot]:
    """Return the pages to picture, with a patient, a course and a visit that have something to show."""
    page.goto("/")
    visit = page.locator(".visit.is-checked-in").first.get_attribute("href") or ""
    page.goto(visit)
    patient = page.locator("#panel-title a").get_attribute("href") or ""
    course = page.locator('#panel a[href^="/care-plans/"]').first.get_attribute("href") or ""
    ahead = "/board/2026-11-24"
    page.goto(ahead)
    later = page.locator(".visit[data-movable]").first.get_attribute("href") or ""
    page.goto("/settings/protocols")
    protocol = (
        page.locator('.settings-page a[href^="/settings/protocols/"]').first.get_attribute("href") or ""
    )
    return [
        ("board", "/"),
        ("board-people", "/?view=people"),
        ("week", "/board/2026-11-23/week"),
        ("agenda", "/board/2026-11-23/agenda"),
        ("day-sheet", "/board/2026-11-23/print"),
        ("visit", visit),
        ("move", f"{later}/time"),
        ("patients", "/patients"),
        ("patient", patient),
        ("patient-new", "/patients/new"),
        ("book-who", "/care-plans/new"),
        ("book", f"/care-plans/new?patient={patient.rsplit('/', 1)[1]}"),
        ("course", course),
        ("course-sheet", f"{course}/sheet"),
        ("sent", "/reminders"),
        ("reminders", "/reminders?view=planned"),
        ("settings", "/settings"),
        ("hours", "/settings/hours"),
        ("closures", "/settings/closures"),
        ("places", "/settings/places"),
        ("people", "/settings/people"),
        ("protocols", "/settings/protocols"),
        ("protocol", protocol),
        ("rules", "/settings/rules"),
        ("refusal", "/patients/not-there"),
        ("mailbox", "/demo/mailbox"),
    ]


def _picture(page: Page, shots: list[Shot], suffix: str) -> None:
    for name, address in shots:
        page.goto(address)
        page.wait_for_load_state("networkidle")
        page.screenshot(path=FOLDER / f"{name}-{suffix}.png")
    page.context.close()


if __name__ == "__main__":
    answer(main)
