import pytest

from scheduler.services.actors import Actor
from tests.answering import needing
from tests.services.courses import visit


@pytest.fixture
def task(session, harbor, booked_from_tuesday):
    actor = Actor(harbor.clinic, None, None, "patient")
    found = needing(session, actor, visit(booked_from_tuesday, "infusion-1")).public_id
    session.commit()
    return found


def test_a_task_is_listed_taken_and_completed(api, harbor, task):
    nick = api(harbor, "nick")
    listed = nick.get("/tasks").json["items"]
    assert [(one["id"], one["answers"][0]["phq2"], one["taken_by"]) for one in listed] == [(task, 6, None)]
    assert nick.post(f"/tasks/{task}/assignment").json["taken_by"] == "nick@example.org"
    assert api(harbor, "mona").post(f"/tasks/{task}/assignment").status_code == 409
    assert nick("DELETE", f"/tasks/{task}/assignment").json["taken_by"] is None
    assert nick.post(f"/tasks/{task}/completion", {"outcome": ""}).status_code == 422
    assert nick.post(f"/tasks/{task}/completion", {"outcome": "Called"}).json["outcome"] == "Called"

    assert nick.get("/tasks").json["items"] == []
    assert [one["id"] for one in nick.get("/tasks?status=done").json["items"]] == [task]


def test_the_desk_sees_that_there_is_a_task_and_not_what_was_answered(api, harbor, task):
    shown = api(harbor, "alice").get(f"/tasks/{task}").json

    assert (shown["id"], shown["answers"], shown["withheld"]) == (task, [], ["answers", "outcome"])
