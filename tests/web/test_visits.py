"""A visit's page and its steps as a form posts them, without a browser's help."""

from re import findall

import pytest

from scheduler.models.user import StaffRole
from tests.cast import NOW, hire
from tests.services.courses import visit

OVERRIDE = {"override_reason": "the doctor agreed"}


class OnTheDay:
    """A clock that stands at the start of a visit; sessions go by the machine's time."""

    def __init__(self, begins):
        self.begins = begins

    def now(self):
        return self.begins

    def wall(self):
        return NOW


@pytest.fixture
def waiting(session, course):
    """An infusion with an open requirement."""
    return visit(course, "infusion-1").public_id


def test_a_check_in_let_pass_ends_at_the_visits_page_and_not_at_the_address_that_refused_it(
    app, session, signed_in, harbor, course, waiting
):
    page, begins = f"/appointments/{waiting}", visit(course, "infusion-1").start_at
    hire(session, harbor, "paul", StaffRole.PRESCRIBER)
    client = signed_in(harbor, "paul")
    app.extensions["clock"] = OnTheDay(begins)
    assert client.post(f"{page}/arrival").status_code == 303
    assert client.post(f"{page}/check-in").status_code == 409

    let_pass = client.post(
        f"{page}/check-in", data=OVERRIDE, headers={"Referer": f"http://localhost{page}/check-in"}
    )

    assert (let_pass.status_code, let_pass.location) == (303, page)
    assert client.get(let_pass.location).status_code == 200


@pytest.mark.parametrize(
    ("asked_from", "ends_at"),
    [
        ("http://localhost/board/2026-11-24", "/board/2026-11-24"),
        ("http://localhost/requests", "/requests"),
        ("http://localhost/appointments/{visit}/time/preview", "/appointments/{visit}"),
        ("https://elsewhere.example/board/2026-11-24", "/appointments/{visit}"),
        ("http://localhost/not/a/page", "/appointments/{visit}"),
    ],
)
def test_a_step_ends_where_it_was_asked_if_that_can_be_opened(
    signed_in, harbor, waiting, asked_from, ends_at
):
    client = signed_in(harbor, "alice")

    answer = client.post(
        f"/appointments/{waiting}/confirmation", headers={"Referer": asked_from.format(visit=waiting)}
    )

    assert (answer.status_code, answer.location) == (303, ends_at.format(visit=waiting))


@pytest.mark.parametrize("on", ["0001-01-01", "9999-12-31"])
@pytest.mark.parametrize("page", ["", "/week", "/agenda", "/print", "/shift"])
def test_a_day_that_no_calendar_reaches_is_refused_in_words(signed_in, harbor, on, page):
    answer = signed_in(harbor, "alice").get(f"/board/{on}{page}")

    assert answer.status_code == 422
    assert "must be a date from 1900 to 2199" in answer.text


@pytest.mark.parametrize("on", ["0001-01-01", "9999-12-31"])
def test_a_visit_cannot_be_moved_beyond_the_calendar(signed_in, harbor, waiting, on):
    wanted = {"date": on, "time": "10:00"}

    answer = signed_in(harbor, "alice").post(f"/appointments/{waiting}/time/preview", data=wanted)

    assert answer.status_code == 422
    assert "must be a date from 1900 to 2199" in answer.text


def test_a_cancelled_visit_says_who_called_it_off_and_leads_to_a_make_up(signed_in, harbor, waiting):
    client, page = signed_in(harbor, "alice"), f"/appointments/{waiting}"
    assert 'id="make-up"' not in client.get(page).text

    client.post(f"{page}/cancellation", data={"side": "patient", "reason": "flu"})
    after = client.get(page).text

    assert "canceled by the patient" in after
    assert f'href="{page}/make-up"' in after
    start = offered(client.get(f"{page}/make-up").text)[0]
    shown = client.post(f"{page}/make-up/preview", data={"start": start}).text
    token = shown.partition('name="token" value="')[2].partition('"')[0]
    assert client.post(f"{page}/make-up", data={"start": start, "token": token}).status_code == 303
    assert 'id="make-up"' not in client.get(page).text


def offered(page):
    return findall(r'name="start" value="([0-9T:-]+)"', page)
