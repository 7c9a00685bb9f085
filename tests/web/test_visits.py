"""A visit's page and its steps as a form posts them, without a browser's help."""

from datetime import timedelta
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


def test_a_no_show_asks_for_a_reason_and_leads_to_another_time(app, session, signed_in, harbor, course):
    infusion = visit(course, "infusion-1")
    page, app.extensions["clock"] = f"/appointments/{infusion.public_id}", OnTheDay(infusion.start_at)
    client = signed_in(harbor, "alice")
    asked = client.get(page).text
    client.post(f"{page}/no-show", data={"reason": "no ride"})
    after = client.get(page).text

    assert 'id="no-show-reason" name="reason" maxlength="300" required' in asked
    assert "no-show before" not in after
    assert "earlier no-show" not in after
    assert "no ride" in client.get("/reminders?view=make-ups").text
    assert f'href="{page}/make-up"' in after


def test_a_time_outside_the_spacing_is_shown_and_moved_with_a_reason(session, signed_in, harbor, course):
    infusion = visit(course, "infusion-3")
    page, start = f"/appointments/{infusion.public_id}", infusion.start_at
    wanted = {"start": f"{infusion.local_start + timedelta(days=1):%Y-%m-%dT%H:%M}"}
    alice, mona = signed_in(harbor, "alice"), signed_in(harbor, "mona")
    refused = alice.post(f"{page}/time/preview", data=wanted | {"outside": "yes"})
    shown = mona.post(f"{page}/times", data={"outside": "yes"}).text
    preview = mona.post(f"{page}/time/preview", data=wanted | {"outside": "yes"}).text
    token = preview.partition('name="token" value="')[2].partition('"')[0]
    form = wanted | {"outside": "yes", "token": token}
    without = mona.post(f"{page}/time", data=form)
    moved = mona.post(f"{page}/time", data=form | {"override_reason": "the patient travels"})

    assert refused.status_code in (409, 422)
    assert "is 5 days after infusion 2 (2 to 4 allowed, latest Mon, Dec 14)" in refused.text
    assert 'name="outside"' not in refused.text
    assert wanted["start"] in shown
    assert "Infusion 3 is 5 days after infusion 2; 2 to 4 are allowed." in preview
    assert "Reason for override" in preview
    assert without.status_code in (409, 422)
    assert moved.status_code == 303
    session.rollback()
    assert visit(course, "infusion-3").start_at == start + timedelta(days=1)
