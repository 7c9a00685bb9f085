"""The page of a re-plan: who may undo, what it says and offers after a failure and after a second search."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from scheduler.domain.localtime import day_bounds
from scheduler.models.appointment import Appointment
from scheduler.models.replan import Replan, ReplanCourse, ReplanState
from scheduler.models.schedule import closures
from scheduler.processes import worker
from scheduler.services.clinic import schedules
from scheduler.services.course import booking
from scheduler.services.replan import outdated
from scheduler.services.visit import visits
from tests.cast import NOW, add_person
from tests.services.courses import visit

pytestmark = pytest.mark.usefixtures("at_now")


@pytest.fixture
def work(app, session):
    """Let the worker do what waits."""

    def work():
        session.rollback()
        outcomes = []
        while outcome := worker.work_once(app, "one"):
            outcomes.append(outcome)
        session.rollback()
        return outcomes

    return work


@pytest.fixture
def mona(signed_in, harbor, nora_course):
    return signed_in(harbor, "mona")


@pytest.fixture
def page(mona, nora_course, work):
    """Close the day of the first infusion and search; return the address of the page."""
    day = visit(nora_course, "infusion-1").local_start.date()
    page = mona.post(f"/board/{day}/closing", data={"part": "day"}).headers["Location"]
    assert work() == ["done: replan"]
    return page


def test_only_who_may_close_undoes_what_reopens_the_clinic(signed_in, session, harbor, mona, page, work):
    alice = signed_in(harbor, "alice")
    mona.post(f"{page}/acceptance")
    work()

    assert alice.post(f"{page}/undo").status_code == 403
    assert closures(session, harbor.clinic.id, NOW, NOW + timedelta(days=60)) != []
    assert "Undo all" not in alice.get(page).text
    assert mona.post(f"{page}/undo").status_code == 303


def test_what_was_moved_is_shown_and_undone_after_a_second_search(mona, page, work):
    mona.post(f"{page}/acceptance")
    work()
    mona.post(f"{page}/search")
    work()
    text = mona.get(page).text

    assert "1 patient moved" in text
    assert "Undo all and reopen" in text
    assert "Nora" in text


def test_a_search_that_failed_is_begun_again_from_the_page(mona, page, work, monkeypatch):
    monkeypatch.setattr("scheduler.services.replan.affected.courses", lambda *_: 1 / 0)
    mona.post(f"{page}/search")
    assert {*work()} == {"failed: ZeroDivisionError"}
    text = mona.get(page).text

    assert "The search failed." in text
    assert "Search again" in text


def test_accepting_that_failed_says_so_and_what_it_moved_can_be_undone(mona, page, work, monkeypatch):
    mona.post(f"{page}/acceptance")
    with monkeypatch.context() as patch:
        patch.setattr("scheduler.services.jobs.finish", lambda *_: 1 / 0)
        assert {*work()} == {"failed: ZeroDivisionError"}
    text = mona.get(page).text

    assert "Not all visits could be moved." in text
    assert "Undo all and reopen" in text
    assert mona.post(f"{page}/undo").status_code == 303
    assert work() == ["done: undo-replan"]


def test_a_second_search_goes_on_without_the_patient_who_was_left_out(mona, page, work, nora_course):
    lost = visit(nora_course, "infusion-1").public_id
    mona.post(f"{page}/search", data={"left_out": lost})
    work()
    text = mona.get(page).text

    assert "No other visits are affected." in text
    assert f'name="left_out" value="{lost}" checked' in text
    assert "Leave out Nora Lindqvist" in text


def test_patients_are_counted_once_with_two_courses(mona, session, harbor, page, work, nora_course):
    """A visit beside the course, on the same closed day, is found and moved separately."""
    first, consult = visit(nora_course, "infusion-1"), nora_course.plan_definition.plan.action("consult")
    [closure] = closures(session, harbor.clinic.id, NOW, NOW + timedelta(days=60))
    schedules.reopen(session, harbor.actor("mona"), closure, NOW)
    start = first.start_at + timedelta(hours=5)
    booking.book_visit(session, harbor.actor("mona"), nora_course.patient, consult, start, NOW)
    session.commit()
    page = mona.post(f"/board/{first.local_start.date()}/closing", data={"part": "day"}).headers["Location"]
    work()
    shown = mona.get(page).text
    mona.post(f"{page}/acceptance")
    work()

    assert "1 patient keeps the protocol" in shown and "Accept 1 patient<" in shown
    assert shown.count('class="replan-course"') == 2
    assert "1 patient moved, 0 of 1 informed" in mona.get(page).text


def test_nothing_is_said_of_fewer_moves_where_only_the_nurse_changes(mona, work, nora_course):
    infusion = visit(nora_course, "infusion-1")
    nina = next(one.practitioner for one in infusion.participants if one.practitioner.name == "Nina")
    data = {"part": "day", "resource": f"person-{nina.public_id}"}
    page = mona.post(f"/board/{infusion.local_start.date()}/closing", data=data).headers["Location"]
    work()
    text = mona.get(page).text

    assert "This plan moves" not in text
    assert "keeps its time" in text


@pytest.mark.parametrize("day", ["2027-03-14", "2027-11-07"])
def test_a_time_that_a_change_of_the_clocks_leaves_out_or_repeats_is_refused(mona, day):
    at = "02:30" if day.endswith("14") else "01:30"
    answer = mona.post(f"/board/{day}/closing", data={"part": "hours", "from": at, "until": "09:00"})

    assert answer.status_code == 422
    assert "From" in answer.text


def test_who_can_accept_a_broken_spacing_is_named_among_those_who_see_the_page(
    signed_in, session, harbor, mona, page
):
    [row] = session.scalars(select(ReplanCourse)).all()
    row.state, row.bent = ReplanState.ASK, ["spacing"]
    session.commit()
    able = [
        name
        for name in ("ada", "mona", "alice")
        if "Reason for override" in signed_in(harbor, name).get(page).text
    ]

    assert able == ["ada", "mona"]
    assert "An admin or manager can accept this." in signed_in(harbor, "alice").get(page).text


def test_a_plan_that_does_not_hold_any_more_is_named_and_not_offered(mona, session, harbor, page, work):
    assert "Accept 1 patient<" in mona.get(page).text
    [closure] = closures(session, harbor.clinic.id, NOW, NOW + timedelta(days=60))
    schedules.reopen(session, harbor.actor("mona"), closure, NOW)
    session.commit()
    text = mona.get(page).text

    assert "The calendar has changed since the search." in text
    assert "1 patient needs another search" in text
    assert outdated.NOT_AFFECTED in text
    assert "Accept" not in text
    assert mona.post(f"{page}/acceptance").status_code == 409


def test_a_visit_confirmed_after_undo_was_chosen_is_named_as_staying(mona, session, harbor, page, work):
    mona.post(f"{page}/acceptance")
    work()
    mona.post(f"{page}/undo")
    row = session.scalars(select(ReplanCourse)).one()
    moved = session.get_one(Appointment, row.moves[0]["visit"])
    visits.confirm(session, harbor.actor("mona"), moved, NOW)
    session.commit()
    work()
    text = mona.get(page).text

    assert "1 course stays at its new times." in text
    assert f"Stays at the new time. {moved.numbered_title}: confirmed after the move" in text
    assert "Undo all" not in text


def test_the_page_says_why_what_was_accepted_cannot_be_undone(mona, session, harbor, page, work):
    mona.post(f"{page}/acceptance")
    work()
    assert "Undo all" in mona.get(page).text
    row = session.scalars(select(ReplanCourse)).one()
    moved = session.get_one(Appointment, row.moves[0]["visit"])
    visits.confirm(session, harbor.actor("mona"), moved, NOW)
    session.commit()
    text = mona.get(page).text

    assert "This cannot be undone as a whole." in text
    assert "Undo all" not in text


def test_a_time_until_midnight_ends_with_the_day(mona, session, harbor, nora_course):
    day = visit(nora_course, "infusion-1").local_start.date()
    answer = mona.post(f"/board/{day}/closing", data={"part": "hours", "from": "15:00", "until": "00:00"})
    session.rollback()
    [closure] = closures(session, harbor.clinic.id, NOW, NOW + timedelta(days=60))

    assert answer.status_code == 303
    assert closure.end_at == day_bounds(day, harbor.clinic.zone)[1]
    assert closure.end_at - closure.start_at == timedelta(hours=9)


@pytest.mark.parametrize(
    ("found", "said", "not_said"),
    [
        ({"is_least": True}, "No other plan places more patients", "would be enough"),
        ({"is_least": False}, "41 would be enough if no patient needed a time that another has.", "No other"),
        ({"is_least": False, "least_moves": 44}, "This plan moves 42 visits.", "would be enough"),
    ],
)
def test_the_page_says_what_the_bound_is_over(mona, session, page, found, said, not_said):
    replan = session.scalars(select(Replan)).one()
    replan.result = {**replan.result, "moves": 42, "least_moves": 41, **found}
    session.commit()
    text = " ".join(mona.get(page).text.split())

    assert said in text and not_said not in text


def test_a_suggestion_becomes_a_plan_to_ask_the_patient_about(mona, session, page):
    row = session.scalars(select(ReplanCourse)).one()
    row.suggestions = [
        {"text": "Up to 5 days more", "moves": row.moves, "bent": ["spacing"], "gaps": ["infusion-1"]}
    ]
    row.state, row.moves = ReplanState.UNPLACED, []
    session.commit()
    shown = mona.get(page).text
    answer = mona.post(f"{page}/suggestion", data={"course": row.public_id, "number": "0"})
    text = mona.get(page).text

    assert "What would help" in shown and "Up to 5 days more" in shown and "Use this" in shown
    assert answer.status_code == 303
    assert "Ask the patient" in text and "Reason for override" in text and "Use this" not in text
    assert mona.post(f"{page}/suggestion", data={"course": row.public_id, "number": "x"}).status_code == 404


def test_who_leaves_is_away_from_a_day_on_and_the_page_names_the_successor(mona, session, harbor, work):
    theo = harbor.people["Theo"]
    add_person(session, harbor, "Tina", "therapist")
    session.commit()
    data = {"part": "onward", "resource": f"person-{theo.public_id}"}
    page = mona.post("/board/2026-12-01/closing", data=data).headers["Location"]
    work()
    text = " ".join(mona.get(page).text.split())
    refused = mona.post("/board/2026-12-01/closing", data={"part": "onward"})

    assert "Tina takes over 1 of 1 course of Theo." in text
    assert refused.status_code == 422 and "choose who leaves" in refused.text
