"""What the page says is still missing: not what a preparatory visit settles that is booked already."""

import pytest

from tests.cast import NOW
from tests.patient_pages.conftest import mailed
from tests.services.courses import book, visit

OF_THE_COURSE, OF_DAYS = "Psychiatric evaluation", "Pregnancy test"


@pytest.fixture
def care_plan(session, harbor, at):
    at.time = NOW
    return book(session, harbor)


@pytest.fixture
def page(client, session, harbor, care_plan):
    token = mailed(session, harbor.clinic, care_plan.patient, [visit(care_plan, "infusion-1")])
    return lambda: client.get(f"/visits/{token}").get_data(as_text=True)


def test_what_a_preparatory_visit_settles_is_not_missed_before_it(page):
    text = page()

    assert "Still missing before this appointment" in text
    assert OF_DAYS in text
    assert OF_THE_COURSE not in text


def test_it_is_missed_once_they_are_over(page, care_plan, at):
    at.time = visit(care_plan, "consent").end_at

    assert OF_THE_COURSE in page()


def test_the_same_papers_are_named_for_the_first_visit_that_needs_them_only(page, care_plan, at):
    at.time = visit(care_plan, "consent").end_at

    assert page().count(OF_THE_COURSE) == 1


def test_later_visits_are_folded_and_those_of_the_mail_are_not(page, care_plan):
    articles = page().split("<article")[1:]
    folded = ['class="more"' in article for article in articles]

    assert not folded[0]
    assert not folded[
        [visit(care_plan, "infusion-1").public_id in article for article in articles].index(True)
    ]
    assert sum(folded) == len(articles) - 2
