import pytest

from tests.engines import both


@both
def test_reminders_are_listed_with_state_and_reason(alice, course):
    every = alice.get("/reminders?limit=200").json["items"]
    visit = course["appointments"][0]
    own = alice.get(f"/reminders?appointment_id={visit['id']}").json["items"]
    alice.post(f"/appointments/{visit['id']}/cancellation", {})
    void = alice.get(f"/reminders?appointment_id={visit['id']}&status=void").json["items"]

    assert own == [one for one in every if one["appointment_id"] == visit["id"]]
    assert {one["status"] for one in every} <= {"pending", "skipped"}
    assert [one["due_at"] for one in every] == sorted((one["due_at"] for one in every), reverse=True)
    assert [one["id"] for one in void] == [one["id"] for one in own if one["status"] == "pending"]
    assert {one["reason"] for one in void} <= {"canceled"}


@both
def test_pages_hold_every_reminder_once(alice, course):
    every = [one["id"] for one in alice.get("/reminders?limit=200").json["items"]]
    seen, cursor = [], ""
    while cursor is not None:
        answer = alice.get(f"/reminders?limit=7{cursor and '&cursor=' + cursor}").json
        seen += [one["id"] for one in answer["items"]]
        cursor = answer["next_cursor"]

    assert seen == every


@pytest.mark.parametrize("query", ["status=lost", "from=2026-12-01", "appointment_id=x"])
def test_a_question_that_makes_no_sense_is_refused(alice, query):
    assert alice.get(f"/reminders?{query}").json["code"] == "invalid"


def test_a_role_without_the_send_log_sees_nothing(api, harbor):
    assert api(harbor, "nick").get("/reminders").json["permission"] == "send-log"
