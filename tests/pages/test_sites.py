"""The pages of a clinic with two sites: accessible, and everything fits."""

import pytest

from tests.fonts import NARROW, WIDE
from tests.pages.accessibility import findings, with_axe
from tests.pages.desk import settle, sign_in
from tests.pages.fitting import misfits
from tests.services.courses import visit
from tests.sites import add_north


@pytest.fixture
def pages(session, staffed, course):
    north = add_north(session, staffed)
    patient, infusion = staffed.patients["Nora"].public_id, visit(course, "infusion-5").public_id
    session.commit()
    return [
        "/board/2026-11-30",
        "/board/2026-11-30/week",
        "/board/2026-11-30/agenda",
        "/board/2026-11-30/closing",
        "/settings/sites",
        "/settings/places",
        f"/settings/sites/{north.public_id}/hours",
        f"/appointments/{infusion}/time",
        f"/care-plans/new?patient={patient}",
    ]


def test_they_are_accessible_and_fit(pages, open_page, live_server):
    page = with_axe(open_page(live_server, (*WIDE, *NARROW), reduced_motion="reduce"))
    sign_in(page, "ada@example.org")
    found = []
    for address in pages:
        page.goto(address)
        settle(page)
        found += [f"{address}: {one}" for one in findings(page)]
        found += [f"{address} {one}" for one in misfits(page)]

    assert found == []


def test_the_board_is_narrowed_to_a_site_by_a_choice(pages, alice):
    alice.goto("/board/2026-11-30")
    heads = alice.locator("[data-place]")
    before = heads.count()
    alice.get_by_label("Site", exact=True).select_option(label="North")
    alice.wait_for_function("n => document.querySelectorAll('[data-place]').length < n", arg=before)
    alice.goto("/board/2026-12-01/week")

    assert set(alice.locator(".lane-name:not(:empty)").all_inner_texts()) == {
        "North 1",
        "North 2",
        "North room",
    }
