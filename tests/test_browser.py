"""The browser fixtures find what they are there to find."""

import ast
from pathlib import Path

import pytest
from playwright.sync_api import expect
from werkzeug import Request, Response

from tests.running import served

POLICY = "default-src 'self'; img-src 'self' http://192.0.2.1"
TESTS = Path(__file__).parent
LOOKS = (
    "is_visible",
    "is_hidden",
    "is_checked",
    "is_enabled",
    "content",
    "inner_text",
    "text_content",
    "input_value",
)
WAYS_ROUND = (".new_context(", ".new_page(", ".launch(")
PAGES = {
    "/clean": "<h1>Clean</h1>",
    "/inline": "<script>document.title = 'ran'</script>",
    "/broken": "<script src='/throws.js'></script>",
    "/abroad": "<img src='http://192.0.2.1/pixel.png'>",
    "/missing": "<img src='/nothing.png'>",
    "/opens": "<a href='/inline' target='_blank'>Another page</a>",
    "/throws.js": "throw new TypeError('planted')",
    "/favicon.ico": "<svg/>",
}


@pytest.fixture
def small_server(desks):
    with served(answer) as url:
        yield url
        desks.close()


def test_a_clean_page_has_no_faults(open_page, small_server, faults):
    page = open_page(small_server)
    page.goto("/clean")

    expect(page.locator("h1")).to_have_text("Clean")
    assert faults.seen == []


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/inline", "violates the following Content Security Policy directive"),
        ("/broken", "TypeError: planted"),
        ("/missing", "status of 404"),
    ],
)
def test_a_planted_fault_is_seen(open_page, small_server, faults, path, words):
    faults.expect(words)

    open_page(small_server).goto(path)

    assert faults.missing() == []


def test_asking_another_host_is_seen(open_page, small_server, faults):
    elsewhere = "http://192.0.2.1/pixel.png"
    faults.expect(elsewhere)  # the asking, and the answer that does not come
    page = open_page(small_server)

    with page.expect_request(elsewhere):
        page.goto("/abroad", wait_until="commit")

    assert faults.missing() == []


def test_a_page_that_a_page_opens_is_watched_too(open_page, small_server, faults):
    faults.expect("violates the following Content Security Policy directive")
    page = open_page(small_server)
    page.goto("/opens")

    with page.expect_popup() as opened:
        page.get_by_role("link", name="Another page").click()
    opened.value.wait_for_load_state()

    assert faults.missing() == []


def test_nobody_goes_round_the_watch():
    assert goes_round({"planted.py": "desk = browser.new_context()"}) == ["planted.py"]
    assert goes_round(texts_of_tests()) == ["browser.py"]


def texts_of_tests() -> dict[str, str]:
    return {
        str(path.relative_to(TESTS)): path.read_text()
        for path in TESTS.rglob("*.py")
        if "benchmarks" not in path.parts and path != Path(__file__)
    }


def goes_round(files: dict[str, str]) -> list[str]:
    """Return the files that open pages of their own."""
    return [name for name, text in files.items() if any(way in text for way in WAYS_ROUND)]


def test_nobody_looks_before_the_page_has_come():
    """A click does not wait for the next page, and `expect` does."""
    planted = "assert page.get_by_text('Saved').is_visible()\nassert shown in page.content()"

    assert too_early({"planted.py": planted}) == ["planted.py: is_visible", "planted.py: content"]
    assert too_early(texts_of_tests()) == []


def too_early(files: dict[str, str]) -> list[str]:
    """Return where an assertion asks a page for what may not be there yet."""
    return [
        f"{name}: {asked.func.attr}"
        for name, text in files.items()
        for said in ast.walk(ast.parse(text))
        if isinstance(said, ast.Assert)
        for asked in ast.walk(said)
        if isinstance(asked, ast.Call) and isinstance(asked.func, ast.Attribute)
        if asked.func.attr in LOOKS
    ]


def test_an_expected_fault_that_does_not_come_is_missing(faults):
    faults.seen = ["status of 409"]
    faults.expect("status of 412")

    assert (faults.unexpected(), faults.missing()) == (["status of 409"], ["status of 412"])


def test_desks_have_cookies_of_their_own(open_page, small_server):
    first, second = open_page(small_server), open_page(small_server)
    first.goto("/clean")
    second.goto("/clean")
    first.context.add_cookies([{"name": "desk", "value": "1", "url": small_server}])

    assert [len(page.context.cookies()) for page in (first, second)] == [1, 0]


@Request.application
def answer(request):
    body = PAGES.get(request.path)
    kind = "text/javascript" if request.path.endswith(".js") else "text/html"
    headers = {"Content-Security-Policy": POLICY}
    return Response(body or "", 200 if body else 404, headers=headers, content_type=kind)
