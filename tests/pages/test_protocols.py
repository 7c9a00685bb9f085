"""A protocol edited as a table in a browser (finding F9 of the desk's review): cells, review, next version."""

import re

from playwright.sync_api import expect

from tests.fonts import NARROW, WIDE
from tests.pages.accessibility import findings, with_axe
from tests.pages.desk import settle, sign_in
from tests.pages.fitting import misfits


def test_the_spacing_of_all_infusions_is_one_row(mona, course):
    page = mona
    page.goto(f"/settings/protocols/{course.plan_definition.public_id}")
    page.get_by_label("Infusion 2 to 6: Min").fill("3")
    page.get_by_role("button", name="Review changes").click()

    expect(page.get_by_role("heading", name="Changes from version 1")).to_be_visible()
    row = page.get_by_role("row", name="Infusion 2 to 6 spacing")
    expect(row).to_contain_text("2 to 4 days, ideally 3")
    expect(row).to_contain_text("3 to 4 days, ideally 3")
    page.get_by_role("button", name="Save version 2").click()

    expect(page.locator("#toasts")).to_contain_text("version 2")
    page.goto(f"/settings/protocols/{course.plan_definition.public_id}")
    expect(page.get_by_text("This is an earlier version.")).to_be_visible()
    expect(page.get_by_text("You have unsaved entries")).to_have_count(0)  # the review's save was theirs


def test_a_file_is_reviewed_and_saved(mona, course):
    page = mona
    page.goto(f"/settings/protocols/{course.plan_definition.public_id}")
    page.get_by_text("Advanced").click()
    box = page.get_by_label("Protocol file (YAML)")
    box.fill(box.input_value().replace("Take your regular medications", "Take your own medications"))
    page.get_by_role("button", name="Check and review file").click()
    page.get_by_role("button", name="Back to editing").click()
    expect(box).to_have_value(re.compile("Take your own medications"))
    page.get_by_role("button", name="Check and review file").click()
    page.get_by_role("button", name="Save version 2").click()

    expect(page.locator("#toasts")).to_contain_text("version 2")


def test_a_series_opens_into_its_visits_and_closes_again(mona, course):
    page = mona
    page.goto(f"/settings/protocols/{course.plan_definition.public_id}")
    alone = page.get_by_label("Infusion 4: Ideal")
    together = page.get_by_role("checkbox", name="Infusion 2 to 6")
    expect(alone).to_be_hidden()
    together.uncheck()
    expect(page.get_by_label("Infusion 2 to 6: Ideal")).to_be_hidden()
    alone.fill("4")
    page.get_by_role("button", name="Review changes").click()
    expect(page.get_by_role("row", name="Infusion 4 spacing")).to_contain_text("2 to 4 days, ideally 4")
    page.get_by_role("button", name="Back to editing").click()

    expect(alone).to_have_value("4")
    together.check()
    expect(alone).to_be_hidden()
    page.get_by_role("button", name="Review changes").click()
    expect(page.get_by_text("Nothing differs from version 1.")).to_be_visible()


def test_what_is_refused_is_said_and_stays_typed(mona, course, faults):
    faults.expect("status of 422")
    page = mona
    page.goto(f"/settings/protocols/{course.plan_definition.public_id}")
    page.get_by_label("Infusion 2 to 6: Min").fill("9")
    page.get_by_role("button", name="Review changes").click()

    expect(page.get_by_role("alert")).to_contain_text(
        "Infusion 2 to 6: spacing: ideal must be between min and max"
    )
    expect(page.get_by_label("Infusion 2 to 6: Min")).to_have_value("9")


def test_a_variant_asks_for_its_names(mona, course):
    page = mona
    page.goto(f"/settings/protocols/{course.plan_definition.public_id}")
    expect(page.get_by_label("Short name")).to_be_hidden()
    page.get_by_role("radio", name="As a variant").check()
    page.get_by_label("Name of the variant").fill("Eight infusions")
    page.get_by_label("Short name").fill("iv-eight")
    page.get_by_label("Infusion", exact=True).fill("8")
    page.get_by_role("button", name="Review changes").click()
    page.get_by_role("button", name="Add protocol").click()

    expect(page.get_by_role("link", name="Eight infusions", exact=True)).to_be_visible()


def test_the_review_is_accessible_and_fits(open_page, live_server, staffed, course):
    page = sign_in(
        with_axe(open_page(live_server, (*WIDE, *NARROW), reduced_motion="reduce")), "mona@example.org"
    )
    page.goto(f"/settings/protocols/{course.plan_definition.public_id}")
    page.get_by_role("checkbox", name="Infusion 2 to 6").uncheck()
    settle(page)
    found = [*findings(page), *misfits(page)]
    page.get_by_label("Infusion 4: Ideal").fill("4")
    page.get_by_label("Observation").fill("90")
    page.get_by_role("button", name="Review changes").click()
    settle(page)

    assert [*found, *findings(page), *misfits(page)] == []
