"""No page has a serious or critical finding of axe, light or dark; and the checker finds a planted one."""

import pytest

from scheduler.models.plan_definition import current
from scheduler.services.visit.visits import cancel
from tests.cast import NOW, add_patient
from tests.pages.accessibility import findings, with_axe
from tests.pages.desk import sign_in


def addresses(session, staffed, course):
    visit = course.appointments[3].public_id
    plan = current(session, staffed.clinic.id, "iv-depression-6").public_id
    nora = staffed.patients["Nora"].public_id
    nell = add_patient(session, staffed, "Nell", "Lindqvist", email="nora@example.org", alert_note="latex")
    booster = next(one.public_id for one in course.appointments if one.action == "booster-1")
    missed = next(one for one in course.appointments if one.action == "infusion-2")
    cancel(session, staffed.actor("alice"), [missed], NOW, "ill")
    session.commit()
    return [
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
        "/settings/roles",
        "/settings/tokens",
        "/audit",
        f"/patients/{nora}/access",
        "/account/clinics",
        "/account/second-factor",
        "/account/second-factor/enrolment",
        "/nothing-here",
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_has_a_grave_finding(
    scheme, session, staffed, course, on_monday, open_page, live_server, faults
):
    faults.expect("status of 404")  # the page for what is not there
    page = with_axe(open_page(live_server, color_scheme=scheme, reduced_motion="reduce"))
    page.goto("/login")
    found = {"/login": findings(page)}
    sign_in(page, "ada@example.org")

    for address in addresses(session, staffed, course):
        page.goto(address)
        page.wait_for_load_state("networkidle")
        found[address] = findings(page)

    assert [f"{address}: {one}" for address, grave in found.items() for one in grave] == []
    assert page.evaluate("document.documentElement.dataset.bsTheme") == scheme


def test_a_planted_finding_is_found(alice):
    page = with_axe(alice)
    page.goto("/patients")
    page.evaluate("() => document.querySelector('#patient-search').removeAttribute('aria-label')")
    page.evaluate("() => document.querySelector('#patient-search').removeAttribute('placeholder')")

    assert [finding.split(":")[0] for finding in findings(page)] == ["label"]


@pytest.mark.parametrize("width", [720, 390])  # 1440 px at 200 %, and a phone
def test_no_page_scrolls_sideways(width, session, staffed, course, on_monday, open_page, live_server, faults):
    faults.expect("status of 404")
    page = open_page(live_server)
    sign_in(page, "ada@example.org")
    page.set_viewport_size({"width": width, "height": 844})
    wide = []
    for address in [*addresses(session, staffed, course), "/account/sessions", "/account/password"]:
        page.goto(address)
        page.wait_for_load_state("networkidle")
        needed = page.evaluate("document.documentElement.scrollWidth")
        if needed > width:
            wide.append(f"{address} needs {needed} px")

    assert wide == []
