"""When the page says that something is still needed: not what a preparatory visit settles that is booked already."""

import pytest

from scheduler.services.visit import requirements
from tests.cast import NOW
from tests.patient_pages.conftest import mailed
from tests.services.courses import book, visit

NEEDED = "We still need something from you before this appointment"


@pytest.fixture
def care_plan(session, harbor, at):
    at.time = NOW
    return book(session, harbor)


@pytest.fixture
def page(client, session, harbor, care_plan):
    token = mailed(session, harbor.clinic, care_plan.patient, [visit(care_plan, "infusion-1")])
    return lambda: client.get(f"/visits/{token}").get_data(as_text=True)


def test_what_a_preparatory_visit_settles_is_not_missed_before_it(session, harbor, care_plan, page, at):
    requirements.complete(
        session, harbor.prescriber, care_plan, "pregnancy-test", NOW, waived=True, note="not applicable here"
    )
    session.commit()

    assert NEEDED not in page()
    at.time = visit(care_plan, "consent").end_at
    assert NEEDED in page()


def test_it_is_said_for_the_first_visit_that_needs_it_only(page, care_plan, at):
    at.time = visit(care_plan, "consent").end_at

    assert page().count(NEEDED) == 1


def test_later_visits_are_folded_and_those_of_the_mail_are_not(page, care_plan):
    articles = page().split("<article")[1:]
    folded = ['class="more"' in article for article in articles]

    assert not folded[0]
    assert not folded[
        [visit(care_plan, "infusion-1").public_id in article for article in articles].index(True)
    ]
    assert sum(folded) == len(articles) - 2
