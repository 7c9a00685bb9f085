"""A real browser: each test has its own desk, and ends with a clean console.

A page may log no error, break no content security policy and ask no other machine for anything; a page that it opens
counts as well. A test that provokes a refusal on purpose says so: `faults.expect("status of 409")`. `open_page` is the
only way to a page, so this holds for the whole suite (test_browser.py looks that nobody goes round it).
"""

import os
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Playwright,
    Request,
    TimeoutError,
    WebError,
    expect,
)

from tests import fonts
from tools import chromium
from tools.places import Refused

QUIET = (
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-gpu",
)
PATIENCE = 15_000  # milliseconds: two cores may be busy with other tests
PICTURES = Path(__file__).resolve().parent.parent / "build" / "failures"
failed = pytest.StashKey[bool]()
expect.set_options(timeout=PATIENCE)


@dataclass
class Faults:
    """What went wrong in the pages of a test, without what the test expects."""

    seen: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)

    def expect(self, words: str) -> None:
        """Allow faults with these words, and require at least one."""
        self.expected.append(words)

    def unexpected(self) -> list[str]:
        return [fault for fault in self.seen if not any(words in fault for words in self.expected)]

    def missing(self) -> list[str]:
        return [words for words in self.expected if not any(words in fault for fault in self.seen)]

    def watch(self, context: BrowserContext, host: str) -> None:
        def on_console(message: ConsoleMessage) -> None:
            if message.type == "error":
                self.seen.append(f"{message.text} ({message.location.get('url', '')})")

        def on_request(request: Request) -> None:
            address = urlsplit(request.url)
            if address.scheme in ("http", "https", "ws", "wss") and address.netloc != host:
                self.seen.append(f"asked another host: {request.url}")

        def on_error(told: WebError) -> None:
            self.seen.append(f"{told.error.name}: {told.error.message}")

        context.on("console", on_console)
        context.on("weberror", on_error)
        context.on("request", on_request)


def launch(playwright: Playwright, environ: dict[str, str | float | bool] | None = None) -> Browser:
    """Start a Chromium; environ is added to the environment of this process."""
    found = chromium.find()
    if found is None:
        pytest.fail("there is no Chromium: `make setup` gets one")
    flags = [*QUIET, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    return playwright.chromium.launch(
        executable_path=found, args=flags, env={**os.environ, **(environ or {})}
    )


@pytest.fixture(scope="session")
def browser_with(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Browser]]:
    """Return the browser that sees these font files alone, or all fonts of the machine without any."""
    started: dict[tuple[Path, ...], Browser] = {}
    with chromium.playwright() as playwright:

        def browser_with(files: tuple[Path, ...] = ()) -> Browser:
            if files not in started:
                environ: dict[str, str | float | bool] = {}
                if files:
                    environ["FONTCONFIG_FILE"] = str(fonts.configure(files, tmp_path_factory.mktemp("fonts")))
                started[files] = launch(playwright, environ)
            return started[files]

        yield browser_with
        for browser in started.values():
            browser.close()


def pytest_report_header() -> list[str]:
    """Say which browser the tests have and which fonts it sees: what fits depends on both."""
    try:
        found = chromium.find()
    except Refused as refusal:
        return [f"chromium: {refusal}"]
    if found is None:
        return ["chromium: none"]
    with chromium.playwright() as playwright:
        browser = launch(playwright)
        context = browser.new_context(permissions=["local-fonts"])
        page = context.new_page()
        page.route("**/*", lambda route: route.fulfill(body="", content_type="text/html"))
        page.goto(
            "https://fonts.example/"
        )  # only a secure page may ask; the answer comes from the line above
        families = page.evaluate(
            "async () => [...new Set((await queryLocalFonts()).map(font => font.family))].sort()"
        )
        version = browser.version
        browser.close()
    return [f"chromium: {version}", f"fonts: {', '.join(families) or 'none'}"]


@dataclass
class Desks:
    """The pages that a test has open. A server closes them before it stops, lest it cuts a request off."""

    node: pytest.Item
    pages: list[Page] = field(default_factory=list)

    def close(self) -> None:
        if self.node.stash.get(failed, False):
            _picture(self.pages, self.node.name)
        else:
            for page in self.pages:
                if not page.is_closed():
                    with suppress(TimeoutError):  # what another host never answers
                        page.wait_for_load_state(timeout=PATIENCE / 3)
        while self.pages:
            self.pages.pop().context.close()


@pytest.fixture
def desks(request: pytest.FixtureRequest) -> Desks:
    return Desks(request.node)


@pytest.fixture
def faults() -> Faults:
    return Faults()


@pytest.fixture
def open_page(
    browser_with: Callable[..., Browser], faults: Faults, desks: Desks
) -> Iterator[Callable[..., Page]]:
    """Open desks: `open_page(address, timezone_id=...)`, each with cookies of its own; `fonts` are tests/fonts.py's."""

    def open_page(address: str, fonts: tuple[Path, ...] = (), **options: object) -> Page:
        desk = {
            "timezone_id": "America/New_York",
            "locale": "en-US",
            "viewport": {"width": 1280, "height": 900},
        }
        context = browser_with(fonts).new_context(base_url=address, **{**desk, **options})  # type: ignore[arg-type]
        context.set_default_timeout(PATIENCE)
        faults.watch(context, urlsplit(address).netloc)
        page = context.new_page()
        desks.pages.append(page)
        return page

    yield open_page
    desks.close()
    assert faults.unexpected() == []
    assert faults.missing() == []


@pytest.fixture
def page(open_page: Callable[..., Page], live_server: str) -> Page:
    """One desk at the app of this test."""
    return open_page(live_server)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.when == "call":
        item.stash[failed] = report.failed
    return report


def _picture(pages: list[Page], name: str) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    plain = "".join(letter if letter.isalnum() else "-" for letter in name)
    for number, page in enumerate(pages, start=1):
        page.screenshot(path=PICTURES / f"{plain}-{number}.png", full_page=True)
