"""The booking page: suggestions that work when they are taken, earlier visits, starts for a drag, skipped days."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import unescape
from re import DOTALL, findall
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import func, select

from scheduler.domain.planner.search import optimum
from scheduler.domain.plans import Role
from scheduler.models.appointment import Appointment
from scheduler.models.audit_event import AuditEvent
from scheduler.models.care_plan import CarePlan
from scheduler.models.job import Job
from scheduler.processes import worker
from scheduler.services.clinic import schedules
from tests.cast import NOW, add_person
from tests.services.courses import book
from tests.services.planning.tangled import KEY, show_worker, tangle

HX = {"HX-Request": "true"}


@pytest.fixture
def wishes(harbor):
    return {
        "patient": harbor.patients["Nora"].public_id,
        "plan_definition": "iv-depression-6",
        "not_before": "2026-11-30",
    }


def links(page):
    return [
        (unescape(text), unescape(where)) for where, text in findall(r'<a href="([^"]+)"><span>([^<]+)', page)
    ]


def test_a_suggestion_asks_again_with_what_it_changes(harbor, wishes, signed_in):
    client = signed_in(harbor, "alice")
    refused = client.post("/care-plans/proposals", data=wishes | {"weekdays": ["6", "7"]}, headers=HX)
    [(text, where), *_] = links(refused.text)
    page = client.get(where).text

    assert (refused.status_code, text) == (409, "Any day of the week")
    assert 'name="weekdays" value="1" checked' not in page
    assert client.post("/care-plans/proposals", data=wishes, headers=HX).status_code == 200


def test_the_exception_around_a_closure_is_shown_and_leads_to_its_course(session, harbor, wishes, signed_in):
    for on in (18, 21):
        midnight = datetime(2026, 12, on, 5, tzinfo=UTC)
        end = midnight + timedelta(days=1)
        schedules.close(session, harbor.actor("mona"), midnight, end, NOW, reason="Winter break")
    session.commit()
    client = signed_in(harbor, "mona")
    page = client.post("/care-plans/proposals", data=wishes | {"not_before": "2026-12-03"}, headers=HX).text
    [exceptions] = findall(r'<div class="note[^>]* id="exceptions">(.*?)</div>', page, DOTALL)
    where, words = findall(r'<a href="([^"]+)">([^<]+)</a>', exceptions)[0]
    fields = parse_qs(urlsplit(unescape(where)).query)
    again = client.post("/care-plans/proposals", data=fields, headers=HX).text

    assert "(Winter break)" in exceptions and "(protocol: 2–4)" in words
    assert client.get(unescape(where)).status_code == 200
    assert "this time; the protocol allows 2 to 4" in again
    assert "Reason for override" in again


def test_another_therapist_is_a_choice_within_an_option(session, harbor, wishes, signed_in):
    add_person(session, harbor, "Tara Therapist", Role.THERAPIST)
    session.commit()
    client = signed_in(harbor, "alice")
    page = client.post("/care-plans/proposals", data=wishes, headers=HX).text
    [(where, name)] = findall(r'<a href="([^"]+)">([^<]+)</a>: all sessions at these times', page)[:1]
    again = client.post(
        "/care-plans/proposals", data=parse_qs(urlsplit(unescape(where)).query), headers=HX
    ).text

    starts = [
        findall(r'id="chip-1-[^"]+".*?data-on="([^"]+)" data-at="([^"]+)"', each) for each in (page, again)
    ]
    assert starts[0] == starts[1] and starts[0]
    assert f"All sessions with {name}" in again
    assert f"All sessions with {name}" not in page.split('class="card-plain offer"')[1]


def test_every_suggestion_fits_when_it_is_taken(harbor, wishes, signed_in):
    client = signed_in(harbor, "alice")
    narrow = wishes | {
        "weekdays": ["1"],
        "earliest": "08:00",
        "latest": "10:30",
        "away_from": ["2026-12-02", ""],
        "away_until": ["2026-12-03", ""],
    }
    helps = links(client.post("/care-plans/proposals", data=narrow, headers=HX).text)
    fields = list(taken(client, helps))

    assert helps
    assert [client.post("/care-plans/proposals", data=one, headers=HX).status_code for one in fields] == [
        200
    ] * len(helps)


def taken(client, helps):
    """Return the form's fields as the page of each link would send them: the address holds them all."""
    for _, where in helps:
        assert client.get(where).status_code == 200
        yield parse_qs(urlsplit(where).query)


def test_a_bent_gap_is_booked_by_a_role_with_a_reason(session, harbor, wishes, signed_in):
    middle = wishes | {
        "not_before": "2026-11-24",
        "had": "infusion-3",
        "last_on": "2026-11-09",
        "last_at": "10:00",
        "had_with": ["therapy"],
    }
    client = signed_in(harbor, "mona")
    refused = client.post("/care-plans/proposals", data=middle, headers=HX).text
    assert "Allow up to 18 days before infusion 4 (protocol: 4)" in dict(links(refused))
    bent = middle | {"slack": "infusion-4:2:18"}
    offered = client.post("/care-plans/proposals", data=bent, headers=HX).text
    token = findall(r'name="token" value="([^"]+)"', offered)[0]
    without = client.post("/care-plans", data=bent | {"token": token})
    booked = client.post("/care-plans", data=bent | {"token": token, "override_reason": "was abroad"})

    assert 'name="override_reason"' in offered
    assert (without.status_code, booked.status_code) == (422, 303)
    session.rollback()
    assert session.scalars(select(CarePlan.override_reason)).all() == ["was abroad"]


def test_the_desk_without_the_role_is_told_who_can_book_it(harbor, wishes, signed_in):
    client = signed_in(harbor, "alice")
    bent = wishes | {"slack": "infusion-4:2:9"}
    page = client.post("/care-plans/proposals", data=bent, headers=HX).text
    taken_back = client.post("/care-plans/proposals", data=bent | {"unbend": "infusion-4"}, headers=HX).text

    assert "Infusion 4 would be 2 to 9 days after infusion 3 this time; the protocol allows 2 to 4." in page
    assert ("a manager or prescriber can book this" in page, "Book these" in page) == (True, False)
    assert ("would be 2 to 9 days" in taken_back, "Book these" in taken_back) == (False, True)


@pytest.mark.parametrize(
    "slack", ["infusion-4", "infusion-4:x:9", "infusion-4:2:", "consult:1:2", "no-such:1:2", ":1:2"]
)
def test_a_gap_that_cannot_be_bent_is_refused(harbor, wishes, signed_in, slack):
    answer = signed_in(harbor, "alice").post(
        "/care-plans/proposals", data=wishes | {"slack": slack}, headers=HX
    )

    assert (answer.status_code, "Slack" in answer.text) == (422, True)


def test_the_fields_about_earlier_visits_follow_the_protocol(harbor, wishes, signed_in):
    client = signed_in(harbor, "alice")
    first = client.post("/care-plans/proposals", data=wishes, headers=HX).text
    same = client.post(
        "/care-plans/proposals", data=wishes | {"earlier_for": "iv-depression-6/"}, headers=HX
    ).text
    had = wishes | {"earlier_for": "iv-depression-6/", "had": "infusion-2"}
    asked = client.post("/care-plans/proposals", data=had, headers=HX)
    other = client.post("/care-plans/proposals", data=had | {"plan_definition": "therapy-6"}, headers=HX).text

    assert ['hx-swap-oob="innerHTML"' in page for page in (first, same, asked.text, other)] == [
        True,
        False,
        True,
        True,
    ]
    assert (asked.status_code, "Enter the date of the last visit" in asked.text) == (422, True)
    assert ('value="infusion-2" selected' in asked.text, "Other visits completed" in other) == (True, False)


def test_what_came_before_is_shown_and_recorded(session, harbor, wishes, signed_in):
    client = signed_in(harbor, "alice")
    middle = wishes | {
        "not_before": "2026-11-24",
        "had": "infusion-3",
        "last_on": "2026-11-20",
        "had_all": "yes",
    }
    offered = client.post("/care-plans/proposals", data=middle, headers=HX).text
    token = findall(r'name="token" value="([^"]+)"', offered)[0]
    client.post("/care-plans", data=middle | {"token": token})
    session.rollback()

    assert "6 earlier visits are recorded with the course, the last on Fri, Nov 20" in offered
    held = select(Appointment.action).where(Appointment.status_reason == "recorded from before this course")
    assert session.scalars(held.order_by(Appointment.start_at)).all() == [
        "consult", "assessment", "consent", "infusion-1", "infusion-2", "infusion-3",
    ]  # fmt: skip


def test_the_starts_of_a_visit_are_by_day_with_its_own_pin_away(harbor, wishes, signed_in):
    client = signed_in(harbor, "alice")
    pinned = wishes | {
        "pinned": ["consult@2026-12-01T09:00", "infusion-1@2026-12-10T10:00"],
        "action": "infusion-1",
    }
    found = client.post("/care-plans/starts", data=pinned, headers=HX).json
    nothing = client.post("/care-plans/starts", data=wishes | {"action": "no-such"}, headers=HX).json

    starts, labels = found["starts"], found["labels"]
    assert len(starts) > 3
    assert "10:00" in starts["2026-12-10"]
    assert min(starts) > "2026-12-01"
    assert labels["10:00"] == "10:00 AM"
    assert labels.keys() == {at for times in starts.values() for at in times}
    assert nothing == {"starts": {}, "labels": {}, "days": {}}


def test_unavailable_dates_are_stretches_and_a_suggestion_brings_them_back(harbor, wishes, signed_in):
    client = signed_in(harbor, "alice")
    away = {"away_from": ["2026-11-30", ""], "away_until": ["2026-12-11", ""]}
    page = client.post("/care-plans/proposals", data=wishes | away, headers=HX)
    late = client.post("/care-plans/late-start", data=wishes | away | {"starts_on": "2026-12-14"}).text
    narrow = wishes | away | {"weekdays": ["6", "7"]}
    [(_, where), *_] = links(client.post("/care-plans/proposals", data=narrow, headers=HX).text)
    again = client.get(where).text

    assert min(findall(r'data-on="([^"]+)" data-at', page.text)) > "2026-12-11"
    assert "14 days after Mon, Nov 30" in late
    assert "No unavailable dates" in late
    assert 'name="away_from" value="2026-11-30"' in again
    assert 'name="away_until" value="2026-12-11"' in again


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [
        ("", "2026-12-11", "First unavailable date is needed with a last day"),
        ("2026-12-11", "2026-12-10", "Last unavailable date is before the first day"),
        ("2026-12-11", "2028-12-10", "Last unavailable date is more than 182 days after the first day"),
    ],
)
def test_a_stretch_that_cannot_be_is_refused(harbor, wishes, signed_in, first, last, words):
    away = {"away_from": first, "away_until": last}
    page = signed_in(harbor, "alice").post("/care-plans/proposals", data=wishes | away)

    assert (page.status_code, words in page.text) == (422, True)


def test_an_offer_is_printed_without_calls_and_nothing_is_booked(session, harbor, wishes, signed_in):
    client = signed_in(harbor, "alice")
    offered = client.post("/care-plans/proposals", data=wishes, headers=HX).text
    [token, *_] = findall(r'name="token" value="([^"]+)"', offered)
    sheet = client.post("/care-plans/proposals/print", data={"token": token}).text

    assert "not booked yet" in sheet
    assert sheet.count("<tr>") == 15
    assert "Check-in call" not in sheet
    assert session.scalar(select(func.count()).select_from(Appointment)) == 0


def test_closed_days_within_the_course_are_listed(session, harbor, wishes, signed_in):
    start, end = (datetime(2026, 12, day, 0, 0, tzinfo=harbor.clinic.zone) for day in (8, 9))
    schedules.close(session, harbor.command, start, end, NOW, reason="Staff day")
    session.commit()
    page = signed_in(harbor, "alice").post("/care-plans/proposals", data=wishes, headers=HX).text

    assert "Clinic closed, days skipped: Tue, Dec 8 (Staff day)" in " ".join(page.split())


def test_a_booking_can_be_taken_back_from_its_toast(session, harbor, wishes, signed_in):
    client = signed_in(harbor, "alice")
    offered = client.post("/care-plans/proposals", data=wishes, headers=HX).text
    token = findall(r'name="token" value="([^"]+)"', offered)[0]
    page = client.post("/care-plans", data=wishes | {"token": token}, follow_redirects=True).text
    undo = next(one for one in findall(r'action="(/care-plans/[^"/]+/undo)"', page))

    client.post(undo)
    session.rollback()
    assert session.scalar(select(CarePlan.status)) == "entered-in-error"


@pytest.fixture
def tangled(app, session, harbor, monkeypatch):
    """Return the fields that ask for a course beyond the search, which gives up at once; a worker is there."""
    monkeypatch.setattr(optimum, "CASES", 1)
    monkeypatch.setattr(optimum, "DIVES", 1)
    app.config["SETTINGS"] = replace(app.config["SETTINGS"], solver_seconds=300)  # enough on any machine
    tangle(session, harbor, number=2)
    show_worker(session)
    return {
        "patient": harbor.patients["Nora"].public_id,
        "plan_definition": KEY,
        "not_before": "2026-11-30",
        "earliest": "09:00",
        "latest": "10:25",
    }


def improvement(page):
    """Return the address at which the page looks for what the worker has found; nothing if it does not."""
    return next(iter(findall(r'id="improvement"[^>]*hx-get="([^"]+)"', page)), None)


def test_where_the_search_gives_up_the_worker_goes_on_and_what_it_finds_is_shown(
    app, session, harbor, tangled, signed_in
):
    client = signed_in(harbor, "alice")
    refused = client.post("/care-plans/proposals", data=tangled, headers=HX)
    where = improvement(refused.text)
    waiting = client.get(where, headers=HX)
    worker.work_once(app, "one")
    found = client.get(where, headers=HX).text
    [job] = findall(r'name="improvement" value="([^"]+)"', found)
    page = client.post("/care-plans/proposals", data=tangled | {"improvement": job}, headers=HX)
    token = findall(r'name="token" value="([^"]+)"', page.text)[0]

    assert (refused.status_code, waiting.status_code, waiting.text) == (409, 204, "")
    assert "A better option was found" in found and improvement(found) is None
    assert page.status_code == 200 and improvement(page.text) is None
    assert "Option 1 is the better option that was found, and the best match." in page.text
    assert client.post("/care-plans", data=tangled | {"token": token}).status_code == 303
    assert session.scalar(select(func.count()).select_from(CarePlan)) == 1


def test_a_search_asked_for_again_is_the_same_job(session, harbor, tangled, signed_in):
    client = signed_in(harbor, "alice")
    first = improvement(client.post("/care-plans/proposals", data=tangled, headers=HX).text)
    second = improvement(client.post("/care-plans/proposals", data=tangled, headers=HX).text)
    third = improvement(
        client.post("/care-plans/proposals", data=tangled | {"latest": "10:20"}, headers=HX).text
    )

    assert first == second != third
    assert "Replaced by a newer search" in client.get(first, headers=HX).text
    session.rollback()
    assert session.scalar(select(func.count()).select_from(Job)) == 2


def test_what_was_found_for_other_wishes_is_not_shown(app, harbor, tangled, signed_in):
    client = signed_in(harbor, "alice")
    where = improvement(client.post("/care-plans/proposals", data=tangled, headers=HX).text)
    worker.work_once(app, "one")
    job = where.rsplit("/", 1)[1]
    other = tangled | {"improvement": job, "not_before": "2026-12-01"}
    page = client.post("/care-plans/proposals", data=other, headers=HX).text

    assert "better one that was found" not in page
    assert improvement(page) not in (None, where)


def test_a_proven_course_says_so_and_starts_no_search(session, harbor, wishes, signed_in):
    show_worker(session)
    page = signed_in(harbor, "alice").post("/care-plans/proposals", data=wishes, headers=HX).text

    assert "Option 1 is the best match." in page
    assert improvement(page) is None


def test_a_search_is_whose_it_is(harbor, hill, tangled, signed_in):
    where = improvement(
        signed_in(harbor, "alice").post("/care-plans/proposals", data=tangled, headers=HX).text
    )

    assert signed_in(harbor, "mona").get(where, headers=HX).status_code == 404
    assert signed_in(hill, "oscar").get(where, headers=HX).status_code == 404


def test_the_page_says_which_courses_the_patient_has_already(session, harbor, course, wishes, signed_in):
    client, page = signed_in(harbor, "alice"), f"/care-plans/new?patient={wishes['patient']}"
    before = client.get(page).text
    client.post(f"/care-plans/{course.public_id}/revocation", data={"reason": "moves away"})

    assert 'id="standing"' in before
    assert f"/care-plans/{course.public_id}" in before
    assert 'id="standing"' not in client.get(page).text


def test_a_kept_course_is_let_go_in_words_of_its_own(session, harbor, signed_in):
    kept = book(session, harbor, reserve_minutes=60)
    session.commit()
    client, page = signed_in(harbor, "alice"), f"/care-plans/{kept.public_id}"
    shown = client.get(page).text
    after = client.post(f"{page}/revocation", data={"reason": ""}, follow_redirects=True).text

    assert "Release" in shown
    assert "End course" not in shown
    assert "Held until" in shown
    assert "Course released." in after
    assert "Held until" not in after


def test_a_second_course_keeps_the_spacing_of_doses_and_asks_a_manager_for_a_reason(
    session, harbor, nora_course, wishes, signed_in
):
    nasal = wishes | {"plan_definition": "esketamine-nasal"}
    to_manager = signed_in(harbor, "mona").post("/care-plans/proposals", data=nasal, headers=HX).text
    to_desk = signed_in(harbor, "alice").post("/care-plans/proposals", data=nasal, headers=HX).text

    assert "Doses keep their spacing to those already booked." in to_manager
    assert "Too close" not in to_manager
    assert 'name="override_reason"' in to_manager
    assert "A manager or prescriber can book a second course with a reason." in to_desk
    token = findall(r'name="token" value="([^"]+)"', to_manager)[0]
    client = signed_in(harbor, "mona")
    without = client.post("/care-plans", data=nasal | {"token": token})
    booked = client.post(
        "/care-plans", data=nasal | {"token": token, "override_reason": "changes to the spray next week"}
    )

    assert (without.status_code, booked.status_code) == (422, 303)
    events = session.scalars(select(AuditEvent).where(AuditEvent.event == "care-plan.booked"))
    assert "override:one-course" in [field for event in events for field in event.fields]
