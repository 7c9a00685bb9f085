"""Every page, looked at once: nothing serious for axe, light or dark, and everything fits in every font.

A page that nobody puts on the list fails a test too: every route that is read must be on it, or be one of the
exceptions, which say why.
"""

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from tests.fonts import NARROW, WIDE
from tests.pages.accessibility import findings, with_axe
from tests.pages.addresses import addresses, before_signing_in
from tests.pages.desk import settle, sign_in
from tests.pages.fitting import FONTS, WIDTHS, misfits, odd_type

SHARES = 6  # so that no worker is alone at the end with all the pages
EXCEPTIONS = {
    "no page, but what programs read": (
        "api_docs.document board.ticks board.week_ticks "
        "fhir.elsewhere fhir.metadata fhir.read fhir.search health.healthz health.livez "
        "health.metrics health.readyz mailbox.calendar mailbox.listing mailbox.source patient_pages.one_calendar "
        "reports.file_content reports.table_file "
        "security.static sessions.awake static"
    ),
    "a piece of a page that is on the list": (
        "board.grid booking.improvement mailbox.frame moves.starts tasks.count tasks.refresh "
        "settings.first_preview visits.panel"
    ),
    "leads to a page that is on the list": "board.jump single_visits.duplicate",
    "answers 404": (
        "security.tf_select security.two_factor_rescue security.two_factor_setup "
        "security.two_factor_token_validation"
    ),
    "looked at by test_second_factor.py, which is half signed in": "second_factor.ask",
}


@pytest.mark.parametrize("share", range(SHARES))
def test_a_page_is_accessible_and_fits(
    share, session, staffed, course, open_page, live_server, faults, tmp_path
):
    page = with_axe(open_page(live_server, (*WIDE, *NARROW), reduced_motion="reduce"))
    first, listed = before_signing_in(session, staffed), addresses(session, staffed, course, tmp_path)
    found = []

    def look(address):
        if address == "/nothing-here":
            faults.expect("status of 404")
        page.goto(address)
        settle(page)
        found.extend(f"{address}: {one}" for one in findings(page))
        found.extend(f"{address}, dark: {one}" for one in in_the_dark(page))
        found.extend(f"{address} {one}" for one in odd_type(page))
        found.extend(f"{address} {one}" for one in misfits(page))

    for address in first[share::SHARES]:
        look(address)
    sign_in(page, "ada@example.org")
    for address in listed[share::SHARES]:
        look(address)

    assert found == []


def in_the_dark(page):
    """Return what is found of the colors when the page is dark, and make it light again."""
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    # the patient's pages take their colors from the style sheet alone
    expect(page.locator("html:is(:not([data-bs-theme]), [data-bs-theme=dark])")).to_have_count(1)
    found = findings(page, colors_alone=True)
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    expect(page.locator("html:is(:not([data-bs-theme]), [data-bs-theme=light])")).to_have_count(1)
    return found


def test_a_page_of_staff_turns_dark(mona):
    mona.emulate_media(color_scheme="dark")
    mona.goto("/")

    expect(mona.locator("html[data-bs-theme=dark]")).to_have_count(1)


def test_every_page_is_looked_at(app, session, staffed, course, tmp_path):
    routes = app.url_map.bind("localhost")
    listed = [*before_signing_in(session, staffed), *addresses(session, staffed, course, tmp_path)]
    looked_at = {routes.match(urlsplit(one).path, "GET")[0] for one in listed if one != "/nothing-here"}
    excepted = {endpoint for endpoints in EXCEPTIONS.values() for endpoint in endpoints.split()}
    read = {
        rule.endpoint
        for rule in app.url_map.iter_rules()
        if "GET" in rule.methods and not rule.endpoint.startswith("api.")
    }

    # put it on the list, or among the exceptions with a reason
    assert sorted(read - looked_at - excepted) == []
    assert sorted(excepted - read | excepted & looked_at) == []


def test_a_planted_finding_is_found(alice):
    page = with_axe(alice)
    page.goto("/patients")
    page.evaluate("() => document.querySelector('#patient-search').removeAttribute('aria-label')")
    page.evaluate("() => document.querySelector('#patient-search').removeAttribute('placeholder')")

    assert [finding.split(":")[0] for finding in findings(page)] == ["label"]


def test_planted_colors_are_found(alice):
    page = with_axe(alice)
    page.goto("/patients")
    page.evaluate("() => { document.querySelector('h1').style.color = '#808080' }")

    assert "color-contrast" in [finding.split(":")[0] for finding in findings(page, colors_alone=True)]


def test_planted_misfits_are_found(alice):
    alice.goto("/patients")
    alice.evaluate("""() => {
      const main = document.querySelector('main');
      main.insertAdjacentHTML('beforeend', '<p>Wide</p><button>Unbreakable</button>');
      main.querySelector('p:last-of-type').style.width = '500px';
      Object.assign(main.querySelector('button:last-of-type').style, {width: '4em', overflow: 'hidden'});
      main.insertAdjacentHTML('beforeend', '<p id="cut">Cut off</p><p>Below</p><p id="over">Above</p>');
      main.insertAdjacentHTML('beforeend', '<input type="time" name="narrow" value="08:00" />');
      Object.assign(document.querySelector('#cut').style, {width: '2em', overflow: 'hidden', whiteSpace: 'nowrap'});
      document.querySelector('#over').style.marginTop = '-2.5rem';
      document.querySelector('[name=narrow]').style.width = '3em';
    }""")
    found = list(misfits(alice))

    assert sum("needs" in one for one in found) >= 3  # at 320 px, in each font
    assert sum("cuts the text 'Cut off'" in one for one in found) == len(WIDTHS)
    assert sum("cuts the text 'narrow'" in one for one in found) == len(WIDTHS)
    assert sum("shows 'Above' over 'Below'" in one for one in found) + sum(
        "shows 'Below' over 'Above'" in one for one in found
    ) == len(WIDTHS)
    assert sum("cuts 'Unbreakable'" in one for one in found) == len(FONTS) * len(WIDTHS)
