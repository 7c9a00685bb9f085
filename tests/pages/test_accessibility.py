"""No page has a serious or critical finding of axe, light or dark; and the checker finds a planted one.

A page that nobody puts on the list fails a test too: every route that is read must be on it, or be one of the
exceptions, which say why.
"""

from urllib.parse import urlsplit

from playwright.sync_api import expect

from tests.pages.accessibility import findings, with_axe
from tests.pages.addresses import addresses, before_signing_in
from tests.pages.desk import settle, sign_in

EXCEPTIONS = {
    "no page, but what programs read": (
        "api_docs.document board.ticks fhir.elsewhere fhir.metadata fhir.read fhir.search health.healthz health.livez "
        "health.metrics health.readyz mailbox.calendar mailbox.listing mailbox.source patient_pages.one_calendar "
        "security.static sessions.awake static"
    ),
    "a piece of a page that is on the list": (
        "board.grid booking.improvement mailbox.frame moves.starts patients.finds reminders.counts "
        "settings.first_preview visits.panel"
    ),
    "leads to a page that is on the list": "board.jump",
    "answers 404": (
        "security.tf_select security.two_factor_rescue security.two_factor_setup "
        "security.two_factor_token_validation"
    ),
    "looked at by test_second_factor.py, which is half signed in": "second_factor.ask",
}


def test_no_page_has_a_grave_finding(
    session, staffed, course, on_monday, open_page, live_server, faults, tmp_path
):
    faults.expect("status of 404")  # the page for what is not there
    page = with_axe(open_page(live_server, reduced_motion="reduce"))
    found = []

    def look(address):
        page.goto(address)
        settle(page)
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            painted = page.locator(f"html:is(:not([data-bs-theme]), [data-bs-theme={scheme}])")
            expect(painted).to_have_count(
                1
            )  # the patient's pages take their colours from the style sheet alone
            found.extend(f"{address}, {scheme}: {one}" for one in findings(page))

    first, listed = before_signing_in(session, staffed), addresses(session, staffed, course, tmp_path)
    for address in first:
        look(address)
    sign_in(page, "ada@example.org")
    for address in listed:
        look(address)

    assert found == []
    expect(page.locator("html[data-bs-theme=dark]")).to_have_count(1)


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
