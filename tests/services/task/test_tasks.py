import pytest

from scheduler.errors import Forbidden, Invalid, WrongStatus
from scheduler.models import task as models
from scheduler.models.audit_event import AuditEvent
from scheduler.services.actors import Actor
from scheduler.services.task import tasks
from tests.answering import needing
from tests.calendar_cast import HOUR
from tests.cast import NOW
from tests.services.courses import visit


@pytest.fixture
def task(session, harbor, nora_course):
    actor = Actor(harbor.clinic, None, None, "patient")
    return needing(session, actor, visit(nora_course, "infusion-1"))


def test_one_person_takes_a_task(session, harbor, task):
    nick, mona = harbor.actor("nick"), harbor.actor("mona")
    tasks.take(session, nick, task, NOW)
    tasks.take(session, nick, task, NOW + HOUR)

    assert (task.taken_by, task.taken_at) == (harbor.users["nick"], NOW)
    with pytest.raises(WrongStatus, match="Nick has taken this"):
        tasks.take(session, mona, task, NOW)


def test_anyone_who_may_take_it_completes_it_with_an_outcome(session, harbor, task):
    tasks.take(session, harbor.actor("nick"), task, NOW)
    with pytest.raises(Invalid):
        tasks.complete(session, harbor.actor("mona"), task, "  ", NOW)
    tasks.complete(session, harbor.actor("mona"), task, "Called, safe", NOW + HOUR)

    assert (task.done_by, task.done_at, task.outcome) == (harbor.users["mona"], NOW + HOUR, "Called, safe")
    for act in (tasks.take, tasks.give_back):
        with pytest.raises(WrongStatus, match="Mona has completed this"):
            act(session, harbor.actor("nick"), task, NOW)


@pytest.mark.parametrize("who", ["alice", "rita"])
def test_a_role_that_does_not_see_answers_takes_none(session, harbor, task, who):
    with pytest.raises(Forbidden):
        tasks.take(session, harbor.actor(who), task, NOW)
    with pytest.raises(Forbidden):
        tasks.complete(session, harbor.actor(who), task, "Called", NOW)


def test_a_postponed_task_is_not_listed_until_then(session, harbor, task):
    task.snoozed_until = NOW + HOUR
    session.flush()

    assert models.open_in(session, harbor.clinic.id, NOW) == []
    assert models.open_in(session, harbor.clinic.id, NOW + HOUR) == [task]


def test_each_step_is_in_the_audit_trail(session, harbor, task):
    nick = harbor.actor("nick")
    tasks.take(session, nick, task, NOW)
    tasks.give_back(session, nick, task, NOW)
    tasks.complete(session, nick, task, "Called, safe", NOW)
    rows = session.query(AuditEvent).filter(AuditEvent.object_id == task.public_id).order_by(AuditEvent.id)

    assert [row.event for row in rows] == ["task.opened", "task.taken", "task.given-back", "task.completed"]
