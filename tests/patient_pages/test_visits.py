import re

import icalendar
import pytest

from scheduler.domain.status import AppointmentStatus
from scheduler.models.message import MessageKind
from scheduler.services import private_links
from tests.calendar_cast import DAY, NOW, make_clinic, make_patient, make_visit
from tests.engines import both
from tests.patient_pages.conftest import mailed


@both
def test_the_page_says_when_and_where_and_who_to_call(client, token):
    page = client.get(f"/visits/{token}")
    text = page.get_data(as_text=True)

    assert page.status_code == 200
    for words in (
        "Hello Ana",
        "Monday, March 9, 2026",
        "9:00 AM to 10:55 AM",
        "(New York time, EDT)",
        "12 Harbor Street, Portland",
        "https://www.google.com/maps/search/?api=1&amp;query=12%20Harbor%20Street%2C%20Portland",
        'href="tel:+15550100"',
        "Confirm",
        "Reschedule",
        "Cancel",
    ):
        assert words in text


def test_nothing_of_it_is_kept_and_no_cookie_is_set(client, token):
    headers = client.get(f"/visits/{token}").headers

    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Robots-Tag"] == "noindex, nofollow"
    assert "script-src 'self'" in headers["Content-Security-Policy"]
    assert "Set-Cookie" not in headers


def test_what_the_visit_is_for_is_not_said(client, token):
    text = client.get(f"/visits/{token}").get_data(as_text=True).lower()

    assert [word for word in ("infusion", "ketamine", "brandt") if word in text] == []


def test_in_spanish_when_the_patient_or_the_reader_wants_it(client, session, ana, token):
    asked = client.get(f"/visits/{token}?lang=es").get_data(as_text=True)
    ana.language = "es"
    session.commit()
    own = client.get(f"/visits/{token}").get_data(as_text=True)

    for text in (asked, own):
        assert '<html lang="es">' in text
        assert "lunes, 9 de marzo de 2026" in text
        assert "Confirmar" in text
    assert f"/visits/{token}/appointments" in asked
    assert "lang=es" in asked.split('action="')[1].split('"')[0]


def test_all_visits_ahead_in_order_and_the_mails_own_even_if_it_is_off(
    client, session, clinic, ana, visit, token
):
    make_visit(session, clinic, ana, "2026-03-12T09:00", uid="later")
    make_visit(session, clinic, ana, "2026-02-20T09:00", uid="past")
    make_visit(session, clinic, ana, "2026-03-13T09:00", uid="call", visible=False)
    make_visit(session, clinic, ana, "2026-03-14T09:00", uid="only", status=AppointmentStatus.PROPOSED)
    make_visit(session, clinic, make_patient(session, clinic, "Bo"), "2026-03-10T09:00", uid="foreign")
    visit.status = AppointmentStatus.CANCELLED
    session.commit()
    text = client.get(f"/visits/{token}").get_data(as_text=True)

    articles = text.split("<article")[1:]  # each says its day once, the next one below its heading
    days = [re.findall(r"\w+day, March \d+, 2026", article) for article in articles]
    assert days[:2] == [["Monday, March 9, 2026"], ["Thursday, March 12, 2026"]]
    assert text.index("Canceled") < text.index("Your next appointment")


def test_nothing_ahead_is_said_in_words(client, at, visit, token):
    at.time = visit.end_at

    assert "You have no upcoming appointments." in client.get(f"/visits/{token}").get_data(as_text=True)


def test_a_link_is_good_until_two_days_after_the_visit(client, at, visit, token):
    at.time = visit.end_at + 2 * DAY
    assert client.get(f"/visits/{token}").status_code == 200

    at.time = visit.end_at + 3 * DAY
    page = client.get(f"/visits/{token}")
    assert page.status_code == 410
    assert "This link is no longer valid" in page.get_data(as_text=True)


@pytest.mark.parametrize("bad", ["x", "A" * 120, "A" * 5000, "é", "%00", "..", "a.b"])
def test_what_no_key_of_ours_has_signed_opens_nothing(client, token, bad):
    page = client.get(f"/visits/{bad}")

    assert page.status_code == 404
    assert "Ana" not in page.get_data(as_text=True)


def test_a_token_with_one_letter_changed_opens_nothing(client, token):
    for place in (3, 20, 50, -1):
        letter = "A" if token[place] != "A" else "B"
        changed = token[:place] + letter + (token[place + 1 :] if place != -1 else "")
        if changed != token:
            assert client.get(f"/visits/{changed}").status_code == 404


def test_a_token_for_another_purpose_does_not_open_the_page(client, clinic, ana, visit, session, token):
    other = mailed(session, clinic, ana, [visit], purpose=private_links.UNSUBSCRIBE)

    assert client.get(f"/visits/{other}").status_code == 404


def test_another_patients_visit_is_not_there(client, session, clinic, token):
    bo = make_patient(session, clinic, "Bo")
    foreign = make_visit(session, clinic, bo, "2026-03-10T09:00", uid="foreign")
    other_clinic = make_clinic(session, "hill")
    far = make_visit(
        session, other_clinic, make_patient(session, other_clinic), "2026-03-10T09:00", uid="far"
    )
    session.commit()

    for other in (foreign.public_id, far.public_id, "0" * 16):
        for path in ("visit.ics", "cancellation", "request"):
            page = client.get(f"/visits/{token}/appointments/{other}/{path}")
            assert page.status_code == 404
        for path in ("confirmation", "cancellation", "request"):
            assert client.post(f"/visits/{token}/appointments/{other}/{path}").status_code == 404


def test_one_visit_for_the_own_calendar(client, visit, token):
    answer = client.get(f"/visits/{token}/appointments/{visit.public_id}/visit.ics")
    (event,) = icalendar.Calendar.from_ical(answer.data).events

    assert answer.headers["Content-Type"] == "text/calendar; charset=utf-8"
    assert (event["uid"], event["summary"]) == ("v1", "Appointment")
    assert token not in answer.get_data(as_text=True)


def test_a_fresh_link_opens_all_visits_ahead(client, session, clinic, ana, visit):
    fresh = mailed(session, clinic, ana, [], MessageKind.LINK)

    assert "Monday, March 9, 2026" in client.get(f"/visits/{fresh}").get_data(as_text=True)


def test_names_are_shown_as_text(client, session, ana, token):
    ana.preferred_name = "<script>alert(1)</script>{{ 7*7 }}"
    session.commit()

    assert "Hello &lt;script&gt;alert(1)&lt;/script&gt;{{ 7*7 }}" in client.get(f"/visits/{token}").get_data(
        as_text=True
    )


def test_the_clock_is_the_clinics(client, session, ana):
    tokyo = make_clinic(session, "tokyo", "Asia/Tokyo", country="JP")
    tokyo.settings_document = {"clock_24_hours": True}
    kei = make_patient(session, tokyo, "Kei")
    there = make_visit(session, tokyo, kei, "2026-03-09T09:00", uid="t1")
    token = mailed(session, tokyo, kei, [there])

    assert "09:00 to 10:55" in client.get(f"/visits/{token}").get_data(as_text=True)
    assert there.start_at == NOW.replace(day=9, hour=0)
