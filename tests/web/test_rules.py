"""The rules page: lead times and other rules in one table, and what a patient would get under them."""

from datetime import timedelta

import pytest

from tests.cast import NOW
from tests.visits import add_visit

PLAIN = {"rule-0-what": "visit before-start", "rule-0-amount": "48", "rule-0-unit": "hours"}
AFTER = {
    "rule-1-what": "visit after-end",
    "rule-1-amount": "1",
    "rule-1-unit": "days",
    "rule-1-kind": ["infusion"],
}


@pytest.fixture
def mona(session, harbor, signed_in):
    client = signed_in(harbor, "mona")
    session.rollback()
    return client


def kept(session, harbor):
    session.rollback()
    return harbor.clinic.settings.reminder_lead_hours, harbor.clinic.settings.reminder_rules


def test_the_table_is_saved_as_it_stands(session, harbor, mona):
    answer = mona.post(
        "/settings/rules", data=PLAIN | AFTER | {"rule-2-what": "visit before-start", "rule-2-amount": ""}
    )

    assert answer.status_code == 303
    assert kept(session, harbor) == ((48,), ("after-end 1 days: infusion",))


def test_what_the_page_shows_is_what_it_saves(session, harbor, mona):
    before = kept(session, harbor)
    fields = {}
    page = mona.get("/settings/rules").text
    for number, what in enumerate(("visit", "visit", "requirements", "driver", "booster")):
        fields[f"rule-{number}-what"] = f"{what} before-start"
    amounts = [("72", "hours"), ("24", "hours"), ("3", "working_days"), ("2", "days"), ("14", "days")]
    for number, (amount, unit) in enumerate(amounts):
        assert f'name="rule-{number}-amount" value="{amount}"' in page
        fields |= {f"rule-{number}-amount": amount, f"rule-{number}-unit": unit}
    mona.post("/settings/rules", data=fields)

    assert kept(session, harbor) == before


def test_a_rule_is_removed(session, harbor, mona):
    mona.post("/settings/rules", data=PLAIN | AFTER | {"rule-1-gone": "yes"})

    assert kept(session, harbor) == ((48,), ())


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"rule-0-amount": "many"}, "must be a whole number from 1 to 720"),
        ({"rule-0-amount": "0"}, "must be a whole number from 1 to 720"),
        ({"rule-0-unit": "days", "rule-0-amount": "99"}, "between 1 and 90 days"),
        ({"rule-0-unit": "weeks"}, "a rule reads like"),
        ({"rule-0-what": "requirements after-end"}, "a rule reads like"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(session, harbor, mona, change, reason):
    before = kept(session, harbor)
    answer = mona.post("/settings/rules", data=PLAIN | change)

    assert answer.status_code == 422
    assert reason in answer.text
    assert kept(session, harbor) == before


def test_a_page_without_rules_leaves_them(session, harbor, mona):
    before = kept(session, harbor)
    mona.post("/settings/rules", data={"rush_hours": "4"})

    assert kept(session, harbor) == before


def test_the_preview_shows_the_rules_of_the_form_and_saves_nothing(session, harbor, mona):
    before = kept(session, harbor)
    add_visit(session, harbor, "Chair 1", NOW + timedelta(days=5))
    session.commit()
    shown = mona.post("/settings/rules/preview", data=PLAIN | {"preview_for": "nora"})
    nobody = mona.post("/settings/rules/preview", data=PLAIN | {"preview_for": "zzz"})

    assert "Nora Lindqvist" in shown.text
    assert "<time>Thu, Nov 26" in shown.text
    assert 'name="rule-0-amount" value="48"' in shown.text
    assert "No patient by that name." in nobody.text
    assert kept(session, harbor) == before


def test_the_preview_takes_whoever_comes_next(session, harbor, mona):
    assert "No patient has an upcoming visit." in mona.post("/settings/rules/preview", data=PLAIN).text
    session.rollback()
    add_visit(session, harbor, "Chair 1", NOW + timedelta(days=5))
    session.commit()

    assert "Nora Lindqvist" in mona.post("/settings/rules/preview", data=PLAIN).text


def test_the_preview_says_why_nothing_would_be_sent(session, harbor, mona):
    add_visit(session, harbor, "Chair 1", NOW + timedelta(days=5)).patient.email = None
    session.commit()

    assert "no email address" in mona.post("/settings/rules/preview", data=PLAIN).text
