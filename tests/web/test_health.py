"""A job that no longer runs is named, whatever else lives: by /healthz, /metrics, `flask status` and the banner."""

import resource
import subprocess
import sys
from datetime import timedelta

import pytest
from sqlalchemy import text

from scheduler import storage
from scheduler.database import db
from scheduler.models.job import Job, JobState
from scheduler.models.job_run import JobRun
from scheduler.services import jobs, schema, signs_of_life
from scheduler.services.mail import channels, outbox
from scheduler.services.signs_of_life import CLOCK, SLACK, WORKER, WORKER_SECONDS
from tests.cast import NOW
from tests.engines import SECRET_KEY, both, test_settings
from tests.running import ROOT

INTERVALS = {**CLOCK, WORKER: WORKER_SECONDS}
SMALL = 48 * 1024  # bytes
WITH_INBOX = "imap://seriate:word@127.0.0.1:1/"


@pytest.fixture
def lives(app, session, tmp_path, database_url):
    """Let every job have run a second ago, but for those that are named with another age in seconds."""
    app.config["SETTINGS"] = test_settings(tmp_path, database_url, INBOX_URL=WITH_INBOX)

    def lives(**ages):
        session.rollback()
        for name in INTERVALS:
            wall = app.extensions["clock"].wall() - timedelta(seconds=ages.get(name, 1))
            signs_of_life.beat(session, name, "here", NOW, wall, "did nothing", failed=0)
        session.commit()

    return lives


def limit(name):
    return INTERVALS[name] + SLACK.total_seconds()


def status(app):
    return app.test_cli_runner().invoke(args=["status"])


@pytest.mark.parametrize("name", INTERVALS)
def test_each_job_that_stops_is_named_although_all_others_live(
    app, client, session, harbor, signed_in, lives, name
):
    alice = signed_in(harbor, "alice")
    lives(**{name: limit(name) - 2})
    before = [client.get("/healthz"), status(app), alice.get("/patients")]
    lives(**{name: limit(name) + 1})
    health, metrics = client.get("/healthz"), client.get("/metrics").text
    told, page = status(app), alice.get("/patients").text

    assert before[0].status_code == 200, before[0].json
    assert before[1].exit_code == 0, before[1].output
    assert 'class="alarm"' not in before[2].text
    assert health.status_code == 503
    late = {one for one, words in health.json["jobs"].items() if words != "ok"}
    assert late == {name}
    assert health.json["jobs"][name].startswith("last ran ")
    assert f'seriate_job_late{{job="{name}"}} 1.0' in metrics
    marked = [
        line for line in metrics.splitlines() if line.startswith("seriate_job_late") and line.endswith(" 1.0")
    ]
    assert marked == [f'seriate_job_late{{job="{name}"}} 1.0']
    assert told.exit_code == 1
    assert f"{name}: last ran" in told.output
    banner = page.partition('class="alarm"')[2].partition("</div>")[0]
    assert ("the sending job last ran" if name == "dispatch" else f"{name} (") in banner


@pytest.mark.parametrize("name", CLOCK)
def test_a_job_that_has_never_run_is_named(client, session, lives, name):
    lives()
    session.delete(session.get_one(JobRun, (name, "here")))
    session.commit()
    health = client.get("/healthz")

    assert (health.status_code, health.json["jobs"][name]) == (503, "has never run")


def test_a_clock_that_is_dead_while_the_worker_lives_is_told_in_one_sentence(
    client, harbor, signed_in, lives
):
    alice = signed_in(harbor, "alice")
    lives(**{name: limit(name) + 1 for name in CLOCK})
    page = alice.get("/patients").text

    assert "Emails are not being sent. Tell your administrator: the clock process is not running." in page
    assert client.get("/healthz").json["worker"] == "ok"


def test_one_host_that_runs_a_job_is_enough(app, client, session, lives):
    lives()
    old = app.extensions["clock"].wall() - timedelta(hours=5)
    for name in CLOCK:
        signs_of_life.beat(session, name, "a host that was taken away", NOW, old, "did nothing", failed=0)
    session.commit()

    assert client.get("/healthz").status_code == 200


def test_the_interval_at_which_a_clock_runs_a_job_counts(app, client, session, lives):
    lives()
    wall = app.extensions["clock"].wall() - timedelta(seconds=50)
    signs_of_life.beat(session, "zones", "here", NOW, wall, "did nothing", seconds=10)
    session.commit()

    assert client.get("/healthz").json["jobs"]["zones"] == "last ran 50 s ago"


def test_a_job_that_fails_is_named(app, client, session, lives):
    lives()
    wall = app.extensions["clock"].wall()
    signs_of_life.beat(
        session, "digest", "here", NOW, wall, "wrote 3; failed for clinic 7 (KeyError)", failed=1
    )
    session.commit()
    health = client.get("/healthz")

    assert health.status_code == 503
    assert health.json["jobs"]["digest"] == "wrote 3; failed for clinic 7 (KeyError)"
    assert 'seriate_job_failures{job="digest"} 1.0' in client.get("/metrics").text
    assert "failed for clinic 7" in status(app).output
    signs_of_life.beat(session, "digest", "here", NOW, wall, "runs")
    session.commit()
    assert client.get("/healthz").status_code == 503  # until a whole run has gone well


@both
def test_a_worker_is_missed_once_something_waits_for_it(app, client, session, harbor, lives):
    lives()
    session.delete(session.get_one(JobRun, (WORKER, "here")))
    session.commit()
    without = client.get("/healthz")
    jobs.ask(session, harbor.actor("alice"), jobs.IMPROVE, {}, NOW)
    session.commit()
    waited_for = client.get("/healthz")

    assert (without.status_code, without.json["worker"]) == (200, "not used")
    assert (waited_for.status_code, waited_for.json["worker"]) == (503, "worker has never run")


@both
def test_a_worker_that_is_at_work_lives_as_long_as_it_gets_on(app, client, session, harbor, lives):
    lives(worker=500)
    job = jobs.ask(session, harbor.actor("alice"), jobs.IMPROVE, {}, NOW)
    session.commit()
    job = jobs.claim(session, "token", NOW)
    session.commit()
    begun = client.get("/healthz").status_code
    job.leased_until -= timedelta(seconds=100)
    session.commit()
    stuck = client.get("/healthz").status_code
    job.stage = jobs.WRITING
    session.commit()

    assert (begun, stuck, client.get("/healthz").status_code) == (200, 503, 200)
    assert session.get_one(Job, job.id).state is JobState.RUNNING


def test_mail_that_is_late_is_unwell_and_a_server_that_refuses_for_a_moment_is_not(
    client, session, harbor, lives
):
    lives()
    channels.note(session, 1, None, "421 busy", NOW)
    session.commit()
    refused = client.get("/healthz")
    outbox.enqueue(
        session,
        harbor.clinic,
        "reminder",
        NOW,
        patient=harbor.patients["Nora"],
        due_at=NOW - timedelta(days=9),
    )
    session.commit()
    late = client.get("/healthz")

    assert refused.status_code == 200
    assert "421 busy" in refused.json["mail"]
    assert late.status_code == 503
    assert "minutes late" in late.json["mail"]


@both
def test_only_what_cannot_serve_is_not_ready(client, session, harbor):
    """The clock has never run, which is no reason to take a web server away."""
    assert client.get("/healthz").status_code == 503
    assert client.get("/readyz").json == {"status": "ok", "database": "ok", "schema": "ok"}
    assert client.get("/livez").json == {"status": "ok"}


@both
@pytest.mark.parametrize(
    ("found", "words"),
    [("0091", "before the first release"), ("9999_later", "which is newer than this version")],
)
def test_a_database_of_another_version_is_not_ready(app, client, session, lives, found, words):
    lives()
    session.execute(text("UPDATE alembic_version SET version_num = :found"), {"found": found})
    session.commit()
    ready = client.get("/readyz")
    told = status(app)

    assert ready.status_code == 503
    assert found in ready.json["schema"]
    assert words in ready.json["schema"]
    assert client.get("/livez").status_code == 200
    assert client.get("/healthz").status_code == 503
    assert (told.exit_code, words in told.output) == (1, True)
    assert schema.newest() != found


def test_an_empty_database_is_not_ready(app, client, session):
    session.execute(text("DROP TABLE alembic_version"))
    session.execute(text("DROP TABLE job_run"))
    session.commit()

    assert client.get("/readyz").status_code == client.get("/healthz").status_code == 503


def test_a_database_that_is_away_is_not_ready_and_the_process_lives(app, client, tmp_path):
    db.session.remove()
    db.engine.dispose()
    database = tmp_path / "seriate.db"
    database.rename(tmp_path / "elsewhere.db")
    database.mkdir()  # nothing can be opened there
    answers = [client.get(page) for page in ("/livez", "/readyz", "/healthz")]

    assert [one.status_code for one in answers] == [200, 503, 503]
    assert answers[1].json["database"] == answers[2].json["database"] == "away"


@pytest.mark.parametrize("engine_name", ["postgresql"], indirect=True)
def test_a_database_that_takes_no_writes_is_noticed(app, client, session, lives, database_url):
    lives()
    name = db.engine.url.database
    session.execute(text(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on'))
    session.commit()
    session.close()
    db.engine.dispose()  # a session keeps what it began with
    health = client.get("/healthz")

    assert health.status_code == 503
    assert "the database takes no writes: ReadOnlySqlTransaction" in health.json["storage"]
    assert health.json["database"] == "ok"


def test_a_disk_that_takes_no_writes_is_noticed(session, lives, tmp_path, database_url):
    """The limit on a file's size makes the system refuse every write, as a full disk does."""
    for seconds in range(20):
        lives(dispatch=seconds)  # so that the journal is longer than the limit
    assert (tmp_path / "seriate.db-wal").stat().st_size > SMALL
    environ = {
        "APP_ENV": "test",
        "INSTANCE_PATH": str(tmp_path),
        "DATABASE_URL": database_url,
        "SECRET_KEY": SECRET_KEY,
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    found = subprocess.run(
        [sys.executable, "-m", "flask", "status"],
        cwd=ROOT, env=environ, capture_output=True, text=True, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (SMALL, SMALL)),
    )  # fmt: skip

    assert found.returncode == 1
    assert "the database takes no writes" in found.stdout
    assert "nothing can be written to the database folder" in found.stdout
    assert "nothing can be written to the instance folder" in found.stdout


def test_a_disk_that_is_nearly_full_is_noticed(app, client, lives, monkeypatch):
    lives()
    free = client.get("/healthz")
    monkeypatch.setattr(storage, "LEAST_FREE", 1 << 60)
    app.extensions["storage"] = storage.StorageWatch(app)
    full = client.get("/healthz")

    assert (free.status_code, full.status_code) == (200, 503)
    assert "nearly full" in full.json["storage"]
    assert 'seriate_free_bytes{folder="instance"}' in client.get("/metrics").text


def test_the_disk_is_written_to_at_most_every_half_minute(app, client, session, lives):
    lives()

    def written():
        session.rollback()
        return [row.wall_at for row in session.query(JobRun).filter_by(name=storage.ROW)]

    client.get("/healthz")
    first = written()
    for _ in range(5):
        client.get("/healthz")
        client.get("/metrics")

    assert len(first) == 1
    assert written() == first


def test_other_jobs_do_not_wait_for_one_that_has_gone(app, session, lives):
    """The rows of a host that was taken out of use go after a week."""
    lives(worker=timedelta(days=8).total_seconds())
    wall = app.extensions["clock"].wall()

    assert signs_of_life.prune(session, wall) == 1
    assert not [run for run in signs_of_life.every(session, wall, inbox=True) if run.trouble]
