"""No page has a serious or critical finding of axe, light or dark; and the checker finds a planted one.

A page that nobody puts on the list fails a test too: every route that is read must be on it, or be one of the
exceptions, which say why.
"""

from datetime import timedelta
from urllib.parse import urlsplit

from playwright.sync_api import expect
from sqlalchemy import select

from scheduler.demo.mail_catcher import Keeper
from scheduler.models.message import Message
from scheduler.models.plan_definition import current
from scheduler.services import jobs
from scheduler.services.account import passwords
from scheduler.services.patient import links
from scheduler.services.visit.visits import cancel
from tests.cast import NOW, add_patient
from tests.engines import SECRET_KEY
from tests.pages.accessibility import findings, with_axe
from tests.pages.desk import sign_in

EXCEPTIONS = {
    "no page, but what programs read": (
        "api_docs.document board.ticks fhir.elsewhere fhir.metadata fhir.read fhir.search health.healthz "
        "health.metrics mailbox.calendar mailbox.listing mailbox.source patient_pages.one_calendar security.static "
        "sessions.awake static"
    ),
    "a piece of a page that is on the list": (
        "board.grid booking.improvement mailbox.frame moves.starts patients.finds reminders.counts "
        "settings.first_preview"
    ),
    "leads to a page that is on the list": "board.jump",
    "answers 404": (
        "security.tf_select security.two_factor_rescue security.two_factor_setup "
        "security.two_factor_token_validation"
    ),
    "looked at by test_second_factor.py, which is half signed in": "second_factor.ask",
}
WIDTHS = (390, 720)  # a phone, and 1440 px at 200 %
MAIL = b"""From: a@example.org
To: b@example.org
Subject: A mail
Content-Type: text/html

<html lang="en"><head><title>A mail</title></head><body><p>Hello</p></body></html>
"""


def before_signing_in(session, staffed):
    link = passwords.link_token(staffed.users["rita"], timedelta(hours=1), NOW, [SECRET_KEY])
    return ["/login", "/account/forgotten", f"/account/password/{link}"]


def of_the_patient(session, staffed, course):
    """Return the pages behind the link in a mail to Nora."""
    nora = staffed.patients["Nora"]
    mail = session.scalars(select(Message).where(Message.patient_id == nora.id)).first()
    home = f"/visits/{links.page_token((SECRET_KEY,), mail, links.VISITS)}"
    second = next(one for one in course.appointments if one.action == "infusion-3")
    visit = f"{home}/appointments/{second.public_id}"
    own = ["", "/done/confirmed", "/calendar", "/sheet", "/preferences", "/unsubscription"]
    about = ["/cancellation", "/check-in", "/driver", "/request"]
    return ["/visits", *(home + page for page in own), *(visit + page for page in about)]


def addresses(session, staffed, course, tmp_path):
    visit = course.appointments[3].public_id
    plan = current(session, staffed.clinic.id, "iv-depression-6").public_id
    nora = staffed.patients["Nora"].public_id
    nell = add_patient(session, staffed, "Nell", "Lindqvist", email="nora@example.org", alert_note="latex")
    booster = next(one.public_id for one in course.appointments if one.action == "booster-1")
    missed = next(one for one in course.appointments if one.action == "infusion-2")
    cancel(session, staffed.actor("alice"), [missed], NOW, "ill")
    nina, chair = staffed.people["Nina"].public_id, staffed.places["Chair 1"].public_id
    job = jobs.ask(session, staffed.command, "import-patients", {"content": "Nora"}, NOW).public_id
    mail = Keeper(tmp_path / "mailbox", lambda: NOW).keep("a@example.org", ["b@example.org"], MAIL)
    session.commit()
    return [
        *of_the_patient(session, staffed, course),
        "/",
        "/account/locked",
        "/account/password",
        "/account/sessions",
        "/api/docs",
        "/api/docs/problems",
        "/calendars/mine",
        f"/calendars/people/{nina}",
        f"/calendars/places/{chair}",
        "/demo/mailbox",
        f"/demo/mailbox/{mail}",
        "/patients/new",
        f"/patients/{nora}/record",
        "/requests",
        "/reminders?view=calls",
        "/settings/data",
        "/zone-rules",
        f"/settings/imports/{job}",
        f"/settings/people/{nina}/hours",
        "/board/2026-11-30",
        "/board/2026-11-30?view=people",
        "/board/2026-11-30?only=kind-consult",
        "/board/2026-11-30/week",
        "/board/2026-11-30/agenda",
        "/board/2026-11-30/print",
        f"/board/2026-11-30/shift?resource=place-{staffed.places['Chair 1'].public_id}",
        "/patients",
        "/patients?search=nobody",
        f"/patients/{nora}",
        f"/patients/{nora}/edit",
        f"/patients/{nora}/feeds",
        "/calendars",
        "/calendars/clinic",
        "/patients/duplicates",
        f"/patients/{nora}/visits/new",
        f"/patients/{nora}/duplicates?search=ell",
        f"/patients/{nora}/merger/{nell.public_id}",
        "/care-plans/new",
        f"/care-plans/new?patient={nora}",
        f"/care-plans/{course.public_id}",
        f"/care-plans/{course.public_id}/sheet",
        f"/care-plans/{course.public_id}/lengths",
        f"/care-plans/{course.public_id}/protocol",
        f"/appointments/{booster}/booking",
        f"/appointments/{missed.public_id}/make-up",
        f"/care-plans/new?patient={nora}&not_before=2026-11-24&plan_definition=therapy-6"
        "&had=therapy-2&last_on=2026-11-20&earlier_for=therapy-6/therapy-2",
        f"/appointments/{visit}",
        f"/appointments/{visit}/time",
        "/reminders",
        "/reminders?view=planned",
        "/reminders?view=boosters",
        "/start",
        "/settings",
        "/settings/clinic",
        "/settings/hours",
        "/settings/closures",
        "/settings/holidays?year=2027",
        "/settings/placing",
        "/settings/imports",
        "/settings/places",
        "/settings/people",
        "/settings/protocols",
        f"/settings/protocols/{plan}",
        "/settings/rules",
        "/settings/self-service",
        "/settings/texts",
        "/settings/texts/reminder/en",
        "/settings/users",
        "/settings/users/removal?email=nick@example.org",
        "/settings/roles",
        "/settings/tokens",
        "/audit",
        f"/patients/{nora}/access",
        "/account/clinics",
        "/account/invitations",
        "/account/sessions",
        "/account/second-factor",
        "/account/second-factor/enrolment",
        "/nothing-here",
    ]


def test_no_page_has_a_grave_finding(
    session, staffed, course, on_monday, open_page, live_server, faults, tmp_path
):
    faults.expect("status of 404")  # the page for what is not there
    page = with_axe(open_page(live_server, reduced_motion="reduce"))
    found = []

    def look(address):
        page.goto(address)
        page.wait_for_load_state("networkidle")
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


def test_no_page_scrolls_sideways(
    session, staffed, course, on_monday, open_page, live_server, faults, tmp_path
):
    faults.expect("status of 404")
    page = open_page(live_server)
    sign_in(page, "ada@example.org")
    wide = []
    for address in addresses(session, staffed, course, tmp_path):
        page.set_viewport_size({"width": WIDTHS[0], "height": 844})
        page.goto(address)
        page.wait_for_load_state("networkidle")
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 844})
            needed = page.evaluate(
                "() => new Promise(done => requestAnimationFrame(() => "
                "requestAnimationFrame(() => done(document.documentElement.scrollWidth))))"
            )
            if needed > width:
                wide.append(f"{address} needs {needed} px of {width}")

    assert wide == []
