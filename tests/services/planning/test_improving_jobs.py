"""Looking for a better course as a job: asked once, done by a worker, offered while it has a place."""

import json
import sys
from dataclasses import replace
from datetime import date, timedelta
from types import SimpleNamespace

import pytest

from scheduler.database import begin_write
from scheduler.domain.planner import Improvement
from scheduler.errors import NotFound
from scheduler.models.job import Job
from scheduler.models.plan_definition import current
from scheduler.processes import worker
from scheduler.services import jobs
from scheduler.services.course import booking
from scheduler.services.planning import improving_jobs, proposals
from scheduler.services.planning.proposal_tokens import GOOD_FOR
from scheduler.services.planning.wishes import CourseRequest
from tests.cast import NOW, add_patient
from tests.clocks import StandingClock
from tests.engines import both
from tests.services.courses import visit
from tests.services.planning.tangled import show_worker, tangle

LONG = 300  # seconds: enough on the slowest machine


@pytest.fixture
def standing(app):
    """Let the app's clock stand at NOW."""

    app.extensions["clock"] = StandingClock()


@pytest.fixture
def ask(session, harbor):
    """Ask for a course that costs less than so much, as Alice."""

    def ask(wishes, cost=10_000, who="alice", seconds=LONG):
        actor = harbor.actor(who)
        session.rollback()
        begin_write(session)
        best = None if cost is None else SimpleNamespace(cost=cost, visits=())
        job = improving_jobs.ask(session, actor, wishes, best, seconds, NOW)
        session.commit()
        return job

    return ask


def again(session, job):
    session.rollback()
    return session.get_one(Job, job.id)


@pytest.mark.usefixtures("standing")
def test_a_worker_finds_the_better_course_proves_it_and_it_can_be_booked(app, session, harbor, ask):
    wishes = tangle(session, harbor)
    actor = harbor.actor("alice")
    first = proposals.propose(session, actor, wishes, NOW, at_once=lambda: True)[0]
    job = ask(wishes, first.cost)
    outcome = worker.work_once(app, "one")
    done = again(session, job)
    found, better = improving_jobs.offered(session, actor, done, NOW)
    begin_write_again(session)
    course = booking.book_course(session, actor, found, better.visits, better.projections, NOW)

    assert not first.proven and outcome == "done: improve-course"
    assert (better.proven, better.cost) == (True, done.result["cost"])
    assert better.cost < first.cost
    assert done.result["outcome"] == "better"
    assert (done.request, found.to_document()) == ({}, wishes.to_document())
    assert len(course.appointments) == 10


def begin_write_again(session):
    session.rollback()
    begin_write(session)


@pytest.mark.usefixtures("standing")
def test_a_job_holds_ids_and_numbers_and_no_names(app, session, harbor, ask):
    job = ask(tangle(session, harbor, number=1))
    held = [json.dumps(job.request)]
    worker.work_once(app, "one")
    held.append(json.dumps(again(session, job).result))

    names = ("Nora", "Lindqvist", "nora@", "Theo", "Nina", "Pia", "Chair", "drip_", "Alice")
    assert [name for name in names for text in held if name in text] == []
    assert "starts" in held[1]


@both
def test_the_same_question_is_one_job_and_another_takes_it_back(session, harbor, ask):
    wishes = tangle(session, harbor)
    first, same = ask(wishes), ask(wishes)
    add_patient(session, harbor, "Olga", "Ortiz")
    session.commit()
    of_olga = ask(replace(wishes, patient=harbor.patients["Olga"]))
    of_mona = ask(wishes, who="mona")
    later = ask(replace(wishes, not_before=date(2026, 12, 7)))

    assert first.id == same.id
    assert again(session, first).problem["code"] == "asked-again"
    assert [again(session, one).state for one in (of_olga, of_mona, later)] == ["waiting"] * 3


def test_no_more_than_a_few_wait(session, harbor, ask):
    wishes = tangle(session, harbor)
    found = []
    for n in range(improving_jobs.MOST_OPEN + 1):
        add_patient(session, harbor, f"Ottilie{n}", "Ortiz")
        session.commit()
        found.append(ask(replace(wishes, patient=harbor.patients[f"Ottilie{n}"])))

    assert [one is not None for one in found] == [True] * improving_jobs.MOST_OPEN + [False]


@pytest.mark.usefixtures("standing")
def test_a_worker_that_is_told_to_stop_gives_the_search_back(app, session, harbor, ask):
    job, looks = ask(tangle(session, harbor)), []

    def is_ending():
        looks.append(1)
        return len(looks) > 1

    assert worker.work_once(app, "one", is_ending) == "returned a job to the queue"
    assert (again(session, job).state, len(looks)) == ("waiting", 2)


@pytest.mark.usefixtures("standing")
def test_a_search_ends_when_something_else_is_asked(app, session, harbor, ask):
    wishes, asked = tangle(session, harbor), []
    job = ask(wishes)

    def ask_anew():
        if len(asked) < 2:
            asked.append(None)
            if len(asked) == 2:
                ask(replace(wishes, not_before=date(2026, 12, 7)))
        return False

    assert worker.work_once(app, "one", ask_anew) == "lost a job to another worker"
    assert again(session, job).problem["code"] == "asked-again"


@pytest.fixture
def done(session, harbor, ask):
    """Return an ended job that has found a course of one visit a kind, and its wishes."""
    wishes = tangle(session, harbor, number=1)
    job = ask(wishes)
    actor = harbor.actor("alice")
    visits = proposals.propose(session, actor, wishes, NOW)[0].visits
    improvement = Improvement({one.action: one.start for one in visits}, 9_000, False)
    session.rollback()
    begin_write(session)
    claimed = jobs.claim(session, "one", NOW)
    jobs.finish(
        session, claimed, improving_jobs.write(session, actor, claimed.request, improvement, NOW), NOW
    )
    session.commit()
    return again(session, job), wishes


def test_what_was_found_is_offered_for_a_quarter_of_an_hour(session, harbor, done):
    job, _ = done
    actor = harbor.actor("alice")
    last = NOW + GOOD_FOR - timedelta(seconds=1)

    assert improving_jobs.offered(session, actor, job, last) is not None
    assert improving_jobs.offered(session, actor, job, NOW + GOOD_FOR) is None


def test_what_has_been_taken_meanwhile_is_not_offered(session, harbor, done):
    job, wishes = done
    actor = harbor.actor("alice")
    begin_write_again(session)
    course = proposals.propose(session, actor, wishes, NOW)[0]
    booking.book_course(session, actor, wishes, course.visits, course.projections, NOW)
    session.commit()

    assert improving_jobs.offered(session, actor, again(session, job), NOW) is None


def esketamine(session, harbor):
    return CourseRequest(
        harbor.patients["Nora"], current(session, harbor.clinic.id, "esketamine-nasal"), date(2026, 12, 7)
    )


def test_a_search_keeps_the_distance_to_another_course(session, harbor, ask, nora_course):
    wishes, actor = esketamine(session, harbor), harbor.actor("alice")
    best = proposals.propose(session, actor, wishes, NOW)[0]
    second = visit(nora_course, "infusion-2")
    close = replace(best, visits=tuple(replace(one, start=second.start_at) for one in best.visits))
    asked = [
        improving_jobs.ask(session, actor, wishes, one, LONG, NOW).request["cost"] for one in (best, close)
    ]
    searched = improving_jobs.read(session, actor, ask(wishes).request, NOW).request

    assert asked == [best.cost, None]  # any course is better than one that is too close
    assert second.local_start.date() in searched.not_on["session-3"]


def test_what_came_too_close_meanwhile_is_not_offered(session, harbor):
    wishes, actor = esketamine(session, harbor), harbor.actor("alice")
    best = proposals.propose(session, actor, wishes, NOW)[0]
    session.rollback()
    begin_write(session)
    job = improving_jobs.ask(session, actor, wishes, None, LONG, NOW)
    found = Improvement({one.action: one.start for one in best.visits}, best.cost, True)
    jobs.finish(session, job, improving_jobs.write(session, actor, job.request, found, NOW), NOW)
    assert improving_jobs.offered(session, actor, job, NOW) is not None

    infusion = current(session, harbor.clinic.id, "iv-depression-6").plan.action("infusion-1")
    first = next(one for one in best.visits if one.action == "session-1")
    start = first.start.replace(hour=19) + timedelta(days=1)
    booking.book_visit(
        session,
        harbor.prescriber,
        wishes.patient,
        infusion,
        start,
        NOW,
        override_reason="the prescriber asks",
    )

    assert improving_jobs.offered(session, actor, job, NOW) is None


def test_a_search_is_shown_to_whoever_asked_and_to_nobody_else(session, harbor, hill, done):
    job, _ = done

    assert improving_jobs.get(session, harbor.actor("alice"), job.public_id).id == job.id
    for actor in (harbor.actor("mona"), hill.actor("oscar")):
        with pytest.raises(NotFound):
            improving_jobs.get(session, actor, job.public_id)


def test_a_search_is_forgotten_an_hour_after_its_end(session, done):
    begin_write_again(session)

    assert jobs.prune(session, NOW + timedelta(minutes=59)) == 0
    assert jobs.prune(session, NOW + timedelta(hours=1)) == 1


@pytest.mark.parametrize(
    ("found", "cost", "outcome"),
    [
        (Improvement({}, 90, True), 100, "better"),
        (Improvement({}, 90, False), 100, "better"),
        (Improvement({}, 90, False), None, "better"),
        (Improvement({}, 100, True), 100, "same"),
        (Improvement({}, 100, False), 100, "open"),
        (Improvement(None, None, True), None, "nothing"),
        (Improvement(None, None, False), None, "open"),
    ],
)
def test_what_came_out_is_told_apart(session, harbor, found, cost, outcome):
    request = {"cost": cost, "apart": False, "patient": "p", "plan": "d", "wishes": {}}
    result = improving_jobs.write(session, harbor.actor("alice"), request, found, NOW)

    assert (result["outcome"], result["proven"]) == (outcome, found.proven)
    assert ("starts" in result) == (outcome == "better")


def test_a_search_goes_on_only_with_a_worker_and_a_solver(session, monkeypatch):
    assert not improving_jobs.can_go_on(session, NOW)
    show_worker(session)
    assert improving_jobs.can_go_on(session, NOW)
    assert not improving_jobs.can_go_on(session, NOW + timedelta(minutes=3))
    monkeypatch.setitem(sys.modules, "ortools", None)
    assert not improving_jobs.can_go_on(session, NOW)


def test_a_worker_in_the_middle_of_a_long_job_is_not_gone(session, harbor, ask):
    show_worker(session)
    ask(tangle(session, harbor))
    begin_write_again(session)
    jobs.claim(session, "one", NOW)
    session.commit()

    assert improving_jobs.can_go_on(session, NOW + timedelta(minutes=3))
