"""The worker: jobs done once or not at all, by whoever has the lease."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from scheduler.database import begin_write
from scheduler.models.audit_event import AuditEvent
from scheduler.models.job import Job, JobState
from scheduler.models.patient import UNFINISHED_IMPORTS, Patient
from scheduler.models.user import Membership
from scheduler.processes import worker
from scheduler.services import jobs
from scheduler.services.jobs import LeaseLost
from scheduler.services.patient import patients as patient_records
from scheduler.services.transfer import import_jobs, imports_patients
from tests.cast import NOW, add_patient
from tests.engines import both
from tools import processes

HEADER = "given_name,family_name,birth_date\n"
NOTHING_ELSE = {"left_out": [], "similar": [], "one_name": [], "ignored": 0}


@pytest.fixture
def asked(session, harbor):
    """Ask for an import at Harbor, as Alice; return the job's id."""

    def asked(lines="Zoe,Li,1990-01-02\n", who="alice", **options):
        request = {
            "format": "csv",
            "content": HEADER + lines,
            "dates": "ymd",
            "duplicates": "refuse",
            "dry_run": False,
        }
        actor = harbor.actor(who)
        write(session)
        job = jobs.ask(session, actor, import_jobs.KIND, request | options, NOW)
        session.commit()
        return job.id

    return asked


def write(session):
    """Begin to write, whatever the test has read so far."""
    session.rollback()
    begin_write(session)


def job(session, job_id):
    session.rollback()
    return session.get_one(Job, job_id)


def patients(session, given_name="Zoe"):
    session.rollback()
    return session.scalar(select(func.count(Patient.id)).where(Patient.given_name == given_name))


def many(number):
    return "".join(f"Zoe,Number {n},1990-01-02\n" for n in range(number))


@both
def test_a_file_is_imported_by_whoever_asked_and_then_forgotten(app, session, harbor, asked):
    job_id = asked()
    outcome = worker.work_once(app, "one")
    done = job(session, job_id)
    event = session.scalars(select(AuditEvent).where(AuditEvent.event == "patients.imported")).one()

    assert outcome == "done: import-patients"
    assert (done.state, done.request, done.lease_token) == (JobState.DONE, {}, None)
    assert done.result == NOTHING_ELSE | {"added": 1, "dry_run": False}
    assert (patients(session), event.user_id) == (1, harbor.users["alice"].id)
    assert worker.work_once(app, "one") == ""


@both
def test_a_fault_is_named_by_its_line_and_nothing_is_written(app, session, asked):
    job_id = asked("Zoe,Li,1990-01-02\nZoe,Lu,yesterday\n")
    worker.work_once(app, "one")
    failed = job(session, job_id)

    assert (failed.state, failed.request, patients(session)) == (JobState.FAILED, {}, 0)
    assert failed.problem["code"] == "import-refused"
    assert [(one["unit"], one["place"], one["field"]) for one in failed.problem["faults"]] == [
        ("line", 3, "birth_date")
    ]


def test_duplicates_are_refused_or_left_out(app, session, asked):
    first, second = asked(), asked()
    third = asked(duplicates="skip")
    for _ in range(3):
        worker.work_once(app, "one")

    assert [job(session, one).state for one in (first, second, third)] == ["done", "failed", "done"]
    assert job(session, third).result["left_out"] == [2]
    assert patients(session) == 1


def test_a_dry_run_checks_and_writes_nothing(app, session, asked):
    job_id = asked(dry_run=True)
    worker.work_once(app, "one")

    assert job(session, job_id).result == NOTHING_ELSE | {"added": 1, "dry_run": True}
    assert patients(session) == 0


@both
def test_it_tells_how_far_it_is(app, session, asked):
    job_id, seen = asked(many(1200)), []

    def look():
        known = job(session, job_id)
        seen.append((known.state.value, known.stage, known.progress, known.total))
        session.rollback()
        return False

    worker.work_once(app, "one", look)

    assert seen == [
        ("running", "", 0, 0),
        ("running", "checked", 500, 1200),
        ("running", "checked", 1000, 1200),
        ("running", "checked", 1200, 1200),
        *(("running", "stored", done, 1200) for done in (250, 500, 750, 1000, 1200)),
    ]
    assert job(session, job_id).result["added"] == 1200


@both
def test_others_write_between_the_parts_and_see_none_of_them(app, session, harbor, asked):
    job_id, seen = asked(many(600)), []

    def desk():
        seen.append((job(session, job_id).stage, patients(session)))
        write(session)
        add_patient(session, harbor, "Desk", f"Number {len(seen)}")
        session.commit()
        return False

    worker.work_once(app, "one", desk)

    assert [pair for pair in seen if pair[0] == "stored"] == [("stored", 0)] * 3
    assert (patients(session), patients(session, "Desk")) == (600, len(seen))


def test_a_patient_who_is_added_while_the_file_is_stored_is_refused(app, session, harbor, asked):
    job_id = asked(many(300))

    def desk():
        if job(session, job_id).stage == "stored" and patients(session) == 0:
            write(session)
            add_patient(session, harbor, "Zoe", "Number 7", birth_date="1990-01-02")
            session.commit()
        return False

    worker.work_once(app, "one", desk)
    failed = job(session, job_id)
    everyone = select(func.count(Patient.id)).execution_options(**{UNFINISHED_IMPORTS: True})

    assert (failed.state, failed.problem["faults"][0]["place"]) == (JobState.FAILED, 9)
    assert (session.scalar(everyone), patients(session)) == (2, 1)


@both
def test_what_a_killed_import_left_is_pruned_a_day_later(app, session, harbor):
    zoe = patient_records.new(harbor.clinic.id, {"given_name": "Zoe", "family_name": "Li"}, NOW)
    zoe.import_key = "killed"
    write(session)
    imports_patients.store(session, [zoe])
    session.commit()

    assert patients(session) == 0
    write(session)
    assert imports_patients.prune(session, NOW + timedelta(hours=23)) == 0
    assert imports_patients.prune(session, NOW + timedelta(hours=24)) == 1
    assert imports_patients.prune(session, NOW + timedelta(hours=24)) == 0


def test_a_worker_that_is_told_to_stop_gives_its_job_back(app, session, asked):
    job_id = asked(many(600))
    outcome = worker.work_once(app, "one", lambda: True)
    back = job(session, job_id)

    assert (outcome, back.state, back.attempts, patients(session)) == (
        "returned a job to the queue",
        "waiting",
        0,
        0,
    )
    worker.work_once(app, "two")
    assert patients(session) == 600


@both
def test_two_workers_take_two_jobs(session, asked):
    ids = [asked(), asked()]
    write(session)
    taken = [jobs.claim(session, token, NOW) for token in ("one", "two", "three")]

    assert [one and one.id for one in taken] == [*ids, None]


@both
def test_a_job_whose_worker_is_gone_is_begun_again_and_the_old_worker_writes_nothing(app, session, asked):
    job_id = asked()
    write(session)
    jobs.claim(session, "gone", NOW)
    session.commit()
    held = worker.work_once(app, "new")
    over(session, job_id)
    outcome = worker.work_once(app, "new")

    assert (held, outcome, patients(session)) == ("", "done: import-patients", 1)
    write(session)
    with pytest.raises(LeaseLost):
        jobs.tell(session, job_id, "gone", "checked", 1, 1)
    with pytest.raises(LeaseLost):
        jobs.held(session, job_id, "gone")


def over(session, job_id):
    """Let the lease of a job be over."""
    past = jobs.database_time(session) - timedelta(seconds=1)
    session.rollback()
    write(session)
    session.execute(update(Job).where(Job.id == job_id).values(leased_until=past))
    session.commit()


def test_a_worker_that_lost_its_lease_while_checking_writes_nothing(app, session, asked):
    job_id, looked = asked(many(600)), []

    def lose():
        if not looked:
            over(session, job_id)
            looked.append(worker.work_once(app, "faster"))
        return False

    outcome = worker.work_once(app, "slow", lose)

    assert looked == ["done: import-patients"]
    assert (outcome, patients(session)) == ("lost a job to another worker", 600)


@both
def test_what_fails_in_the_middle_leaves_nothing_and_is_given_up_in_the_end(app, session, asked, monkeypatch):
    job_id, known = asked(), imports_patients.publish

    def broken(*given, **more):
        known(*given, **more)
        raise RuntimeError("the machine is on fire")

    monkeypatch.setattr(imports_patients, "publish", broken)
    outcomes = [worker.work_once(app, "one") for _ in range(4)]
    failed = job(session, job_id)

    assert outcomes == ["failed: RuntimeError"] * 3 + [""]
    assert (failed.state, failed.problem["code"], failed.request) == ("failed", "given-up", {})
    assert patients(session) == 0


def test_who_is_no_member_any_more_imports_nothing(app, session, harbor, asked):
    job_id = asked()
    write(session)
    alice = harbor.users["alice"].id
    session.delete(session.scalars(select(Membership).where(Membership.user_id == alice)).one())
    session.commit()
    outcome = worker.work_once(app, "one")

    assert (outcome, patients(session)) == ("refused: forbidden", 0)
    assert job(session, job_id).problem["status"] == 403


def test_a_job_is_forgotten_a_week_after_its_end(app, session, asked):
    asked()
    worker.work_once(app, "one")
    write(session)
    ended = session.scalar(select(Job.ended_at))

    assert jobs.prune(session, ended + timedelta(days=6)) == 0
    assert jobs.prune(session, ended + timedelta(days=7)) == 1


def test_the_worker_runs_as_a_process_and_ends_when_it_is_told(system, session, asked):
    job_id = asked()
    system.commands["worker"] = processes.worker()
    system.start("worker")
    done = system.wait(lambda: job(session, job_id).ended_at)
    process = system.processes["worker"]
    system.stop("worker")

    assert done is not None
    assert (patients(session), process.returncode) == (1, 0)
