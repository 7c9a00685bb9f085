import pytest

from scheduler.domain.status import AppointmentStatus
from scheduler.models.task import Task
from scheduler.models.visit_answer import CheckIn
from scheduler.services.private_links import check_in_url
from tests.calendar_cast import DAY, HOUR
from tests.patient_pages.conftest import mark_in


@pytest.fixture
def path(session, at, token, visit):
    visit.status = AppointmentStatus.FULFILLED
    session.commit()
    at.time = visit.end_at + 20 * HOUR
    return f"/visits/{token}/appointments/{visit.public_id}/check-in"


def answer(client, session, path, **fields):
    answered = client.post(path, data={"mark": mark_in(client.get(path)), **fields})
    session.rollback()
    return answered


def test_the_day_after_the_page_asks_until_it_is_answered(client, session, at, path, token, visit):
    def asks():
        return "Answer the check-in questions" in client.get(f"/visits/{token}").get_data(as_text=True)

    assert asks()
    answer(client, session, path, mood="7")
    assert not asks()
    at.time = visit.end_at + 2 * HOUR
    assert not asks()


def test_the_mail_leads_to_the_questions_whenever_it_is_sent(client, session, at, path, token, visit):
    at.time = visit.end_at + 47 * HOUR

    assert check_in_url(f"/visits/{token}", visit) == path
    assert 'name="mood"' in client.get(path).get_data(as_text=True)


def test_what_was_answered_is_never_shown(client, session, path):
    empty = client.get(path).get_data(as_text=True)
    answer(client, session, path, little_interest="2", feeling_down="1", mood="6", note="slept well")
    shown = client.get(path).get_data(as_text=True)

    assert "You have already answered." in shown
    assert not [one for one in (empty, shown) if "checked" in one or "slept well" in one]


def test_every_answer_is_kept_and_a_second_one_replaces_it(client, session, path, visit):
    answer(client, session, path, little_interest="2", feeling_down="1", mood="6", note="slept\nwell")
    row = session.query(CheckIn).one()
    assert (row.phq2, row.mood, row.note, row.appointment_id) == (3, 6, "slept well", visit.id)

    answer(client, session, path, mood="0")
    row = session.query(CheckIn).one()
    assert (row.phq2, row.little_interest, row.mood, row.note) == (None, None, 0, "")


@pytest.mark.parametrize(
    "field, value",
    [("little_interest", "4"), ("mood", "11"), ("mood", "-1"), ("mood", "²"), ("mood", "9" * 5_000)],
    ids=["above", "above 10", "below", "no digit", "endless"],
)
def test_what_is_not_on_the_scale_is_not_kept(client, session, path, field, value):
    assert answer(client, session, path, **{field: value}).status_code == 422
    assert session.query(CheckIn).count() == 0


def test_before_the_visit_has_ended_nothing_is_kept(client, session, at, path, visit):
    at.time = visit.end_at - HOUR

    assert answer(client, session, path, mood="5").status_code == 409
    assert session.query(CheckIn).count() == 0


def test_who_is_in_danger_is_told_whom_to_call(client, session, clinic, path):
    page = client.get(path).get_data(as_text=True)
    assert "call 988 or 911 now" in page
    assert 'href="tel:988"' in page and 'href="tel:911"' in page
    session.rollback()  # what was read before the page wrote may not be changed on SQLite
    clinic.country = "DE"
    session.commit()
    assert "988" not in client.get(path).get_data(as_text=True)


def test_the_thank_you_page_says_whom_to_call_whatever_was_answered(client, session, path):
    pages = [
        client.get(answer(client, session, path, **given).headers["Location"]).get_data(as_text=True)
        for given in ({"mood": "0", "note": "I feel terrible"}, {"mood": "9"})
    ]

    assert [('href="tel:988"' in page, 'href="tel:911"' in page) for page in pages] == [(True, True)] * 2
    assert pages[0] == pages[1]
    assert "Your team reads them, but not right away." in pages[0]


def test_an_urgent_answer_opens_a_task(client, session, path, visit):
    answer(client, session, path, mood="9", note="Please call me", urgent="yes")
    task = session.query(Task).one()

    assert (task.appointment_id, task.answers[0]["urgent"]) == (visit.id, True)


def test_a_link_that_is_over_asks_no_more(client, at, path):
    at.time += 3 * DAY

    assert client.get(path).status_code == 410
