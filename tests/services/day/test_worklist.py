"""What needs a person: each list holds what it names until it is dealt with, and each role sees its own."""

from datetime import timedelta

import pytest

from scheduler.domain.status import CourseEffect
from scheduler.errors import Invalid, WrongStatus
from scheduler.services.actors import Actor
from scheduler.services.course import careplans
from scheduler.services.day import worklist
from scheduler.services.task import tasks
from scheduler.services.visit.visits import cancel
from tests.answering import needing
from tests.cast import NOW
from tests.services.courses import visit


def work(session, cast, now, who="alice", **more):
    return worklist.of_actor(session, cast.actor(who), now, **more)


def test_a_patient_is_listed_from_five_minutes_late_until_the_visit_is_off(session, harbor, nora_course):
    first = visit(nora_course, "consult")
    on_time, late = (first.start_at + timedelta(minutes=minutes) for minutes in (4, 5))

    assert first not in work(session, harbor, on_time).late
    assert first in work(session, harbor, late).late
    cancel(session, harbor.actor("alice"), [first], late, side="patient")
    assert first not in work(session, harbor, late).late


def test_requirements_are_listed_until_the_next_working_day_alone(session, harbor, nora_course):
    infusion = visit(nora_course, "infusion-1")
    listed = {
        days: [
            one.visit for one in work(session, harbor, infusion.start_at - timedelta(days=days)).requirements
        ]
        for days in (0, 1, 6)
    }

    assert (infusion in listed[0], infusion in listed[1], infusion in listed[6]) == (True, True, False)


def test_a_clinician_with_an_account_sees_the_visits_that_are_hers(session, harbor, nora_course):
    infusion = visit(nora_course, "infusion-1")
    now = infusion.start_at - timedelta(minutes=30)
    nick, nurse = harbor.users["nick"], infusion.practitioners[0]
    other = next(one for one in harbor.people.values() if one not in infusion.practitioners)
    other.user_id = nick.id
    session.flush()
    hidden, everyone = work(session, harbor, now, "nick"), work(session, harbor, now, "nick", everyone=True)
    other.user_id = None
    session.flush()
    nurse.user_id = nick.id
    session.flush()
    hers = work(session, harbor, now, "nick")

    assert infusion not in [one.visit for one in hidden.requirements]
    assert infusion in [one.visit for one in everyone.requirements]
    assert infusion in [one.visit for one in hers.requirements]


def test_a_role_gets_no_list_that_it_cannot_act_on(session, harbor, nora_course):
    gone = visit(nora_course, "consult")
    cancel(session, harbor.actor("alice"), [gone], NOW, side="patient")
    desk, nurse = work(session, harbor, NOW), work(session, harbor, NOW, "nick")

    assert (list(desk.make_ups), list(nurse.make_ups)) == ([gone], [])
    assert nurse.count == desk.count - 1


def test_an_active_course_with_nothing_ahead_is_listed_until_it_is_completed(session, harbor, nora_course):
    now = NOW
    ahead = [one for one in nora_course.appointments if one.status.is_ahead]
    skip = {"course_effect": CourseEffect.SKIP, "override_reason": "moved to another clinic"}
    cancel(session, harbor.prescriber, ahead, now, **skip)

    assert list(work(session, harbor, now).idle) == [nora_course]
    careplans.complete(session, harbor.actor("alice"), nora_course, now)
    assert list(work(session, harbor, now).idle) == []


def test_the_count_follows_a_change_of_the_calendar_at_once(session, harbor, nora_course):
    counts, first = worklist.Counts(), visit(nora_course, "consult")
    now = first.start_at + timedelta(minutes=6)
    alice = harbor.actor("alice")
    before = counts.of_actor(session, alice, now)
    cancel(session, alice, [first], now, side="patient")

    after = work(session, harbor, now)
    assert (counts.of_actor(session, alice, now), len(after.make_ups)) == (after.count, 1)
    assert before > after.count - 1


@pytest.fixture
def task(session, harbor, nora_course):
    return needing(session, Actor(harbor.clinic, None, None, "patient"), visit(nora_course, "infusion-1"))


def test_only_the_person_who_took_a_task_snoozes_it_and_for_two_days_at_most(session, harbor, task):
    nick, later = harbor.actor("nick"), NOW + timedelta(hours=1)
    with pytest.raises(WrongStatus):
        tasks.snooze(session, nick, task, later, NOW)
    tasks.take(session, nick, task, NOW)
    with pytest.raises(WrongStatus):
        tasks.snooze(session, harbor.actor("mona"), task, later, NOW)
    with pytest.raises(Invalid):
        tasks.snooze(session, nick, task, NOW + timedelta(days=2, minutes=1), NOW)
    tasks.snooze(session, nick, task, later, NOW)

    assert worklist.task.count_open(session, harbor.clinic.id, NOW)[0] == 0
    assert worklist.task.count_open(session, harbor.clinic.id, later)[0] == 1
