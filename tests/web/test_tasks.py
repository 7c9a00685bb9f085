from datetime import timedelta

import pytest

from scheduler.models.task import Task
from scheduler.services.actors import Actor
from scheduler.services.clinic import schedules
from scheduler.services.day import worklist
from scheduler.services.visit import moves
from tests.answering import needing
from tests.cast import NOW
from tests.services.courses import visit


@pytest.fixture
def task(session, harbor, course):
    actor = Actor(harbor.clinic, None, None, "patient")
    found = needing(session, actor, visit(course, "infusion-1")).public_id
    session.commit()
    return found


def test_every_page_says_that_an_answer_waits_until_it_is_taken(harbor, task, signed_in):
    nick = signed_in(harbor, "nick")
    words = "A patient\u2019s check-in answer needs attention, and no one has taken it"

    assert words in nick.get("/patients").text
    assert nick.post(f"/tasks/{task}/assignment").status_code == 303
    assert words not in nick.get("/patients").text
    assert words not in signed_in(harbor, "rita").get("/patients").text


def test_the_list_shows_what_was_answered_to_those_who_see_answers(harbor, task, signed_in):
    nurse, desk = (signed_in(harbor, who).get("/today").text for who in ("nick", "alice"))

    assert ("PHQ-2 6 of 6, mood 0 of 10" in nurse, "I feel terrible" in nurse) == (True, True)
    assert ("Nora Lindqvist" in desk, "PHQ-2" in desk, "terrible" in desk) == (True, False, False)
    assert ("/assignment" in nurse, "/assignment" in desk) == (True, False)


def test_a_task_is_done_with_what_came_of_it(session, harbor, task, signed_in):
    nick = signed_in(harbor, "nick")
    assert nick.post(f"/tasks/{task}/completion", data={"outcome": ""}).status_code == 422
    assert nick.post(f"/tasks/{task}/completion", data={"outcome": "Called, safe"}).status_code == 303

    assert "No open tasks." in nick.get("/today").text
    assert "Called, safe" in nick.get(f"/tasks/{task}").text
    session.rollback()
    assert session.query(Task).one().outcome == "Called, safe"


def test_the_visits_of_the_patient_are_marked(harbor, course, task, signed_in):
    second = visit(course, "infusion-2")
    pages = (f"/appointments/{second.public_id}", f"/board/{second.local_start.date()}")
    nurse = [signed_in(harbor, "nick").get(page).text for page in pages]
    reader = [signed_in(harbor, "rita").get(page).text for page in pages]

    assert "A check-in answer of this patient needs attention" in nurse[0]
    assert "Open task" in nurse[1]
    assert not [page for page in reader if "needs attention" in page or "Open task" in page]


@pytest.fixture
def closed(session, harbor, course):
    """A closure on the day of Nora's first infusion."""
    infusion = visit(course, "infusion-1")
    end = infusion.start_at + timedelta(hours=9)
    schedules.close(session, harbor.actor("mona"), infusion.start_at - timedelta(hours=2), end, NOW)
    session.commit()
    return infusion


def test_visits_of_a_closed_day_are_listed_until_they_are_moved(session, harbor, closed, signed_in):
    alice = signed_in(harbor, "alice")
    page = alice.get("/today").text
    assert "Affected by a closure or an absence" in page
    assert f"/appointments/{closed.public_id}/time" in page

    planned = moves.plan_move(
        session, harbor.prescriber, closed, closed.start_at + timedelta(days=1), NOW, scope="following"
    )
    moves.apply_moves(session, harbor.prescriber, planned, NOW)
    session.commit()
    assert f"/appointments/{closed.public_id}/time" not in alice.get("/today").text


def test_the_count_leads_no_page_away_when_the_session_is_over(client, harbor):
    asked = client.get("/today/count", headers={"HX-Request": "true", "X-Background": "1"})

    assert (asked.status_code, asked.headers.get("HX-Redirect"), asked.text) == (204, None, "")


def test_a_taken_task_is_snoozed_from_the_list_and_gone_until_then(session, harbor, task, signed_in):
    nick = signed_in(harbor, "nick")
    nick.post(f"/tasks/{task}/assignment")
    assert "Snooze until tomorrow" in nick.get("/today").text
    assert nick.post(f"/tasks/{task}/snooze", data={"until": "tomorrow"}).status_code == 303

    assert "No open tasks." in nick.get("/today").text


def test_every_page_counts_the_same_as_the_list_from_the_first_one_on(
    session, harbor, closed, signed_in, monkeypatch
):
    monkeypatch.setattr(worklist, "COUNTS", worklist.Counts())
    alice = signed_in(harbor, "alice")
    count = worklist.of_actor(session, harbor.actor("alice"), NOW).count

    assert count > 0
    assert f'<span class="count">{count}<' in alice.get("/patients").text
    assert f'<span class="count">{count}<' in alice.get("/today/count").text
