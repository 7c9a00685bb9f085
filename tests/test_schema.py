"""A database of another schema is told in words that name the command, by every process and command."""

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import text

from config import ConfigError
from scheduler import schema
from scheduler.app import create_app
from scheduler.services.schema import MIGRATIONS, is_known, newest
from tests.cli.test_users import run
from tests.engines import both, empty_database, test_settings

NEWEST = newest()
OLDER = "the database has schema 0091 of the time before the first release, which no later version can read"
NEWER = (
    "the database has schema 9999_later, which is newer than this version (schema {}); install the version"
)


def migrate_to(session, revision):
    session.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})
    session.commit()


@pytest.mark.parametrize(("revision", "words"), [("0091", OLDER), ("9999_later", NEWER)])
@pytest.mark.parametrize(
    "command",
    [
        ("status",),
        ("clinic", "list"),
        ("clock",),
        ("clock", "agree"),
        ("worker",),
        ("backup", "/nowhere/backup"),
    ],
    ids=" ".join,
)
def test_a_command_says_what_to_run(app, session, command, revision, words):
    migrate_to(session, revision)
    done = run(app, *command)

    assert done.exit_code == 1
    assert done.output.startswith(f"Error: {words.format(NEWEST)}")
    assert done.output.count("\n") == 1


@both
def test_an_upgrade_leaves_a_newer_schema_alone(app, session):
    migrate_to(session, "9999_later")
    done = run(app, "db", "upgrade")

    assert done.exit_code == 1
    assert NEWER.format(NEWEST) in done.output


def test_a_database_without_tables_is_told_apart(shared_folder, tmp_path):
    with empty_database("sqlite", shared_folder, tmp_path) as url:
        app = create_app(test_settings(tmp_path, url))
        done = run(app, "clinic", "list")

        assert (done.exit_code, done.output) == (
            1,
            "Error: the database has no tables yet; run: flask db upgrade\n",
        )
        with pytest.raises(ConfigError, match="no tables yet; run: flask db upgrade"):
            schema.require(app)


def test_a_database_that_does_not_answer_is_told_in_one_line(tmp_path):
    app = create_app(test_settings(tmp_path, "postgresql://seriate:hidden-word@127.0.0.1:1/seriate"))
    done = run(app, "clinic", "list")

    assert done.exit_code == 1
    assert done.output.startswith("Error: the database does not answer: connection failed")
    assert (done.output.count("\n"), "hidden-word" in done.output) == (1, False)


@both
def test_a_running_web_process_serves_nothing_from_a_newer_schema(app, session, client, monkeypatch):
    monkeypatch.setattr(schema, "LOOK_SECONDS", 0)
    before = client.get("/login").status_code
    migrate_to(session, "9999_later")
    page, program, health = (client.get(path) for path in ("/login", "/api/v1/patients", "/healthz"))
    written = client.post("/login", data={})
    migrate_to(session, NEWEST)
    after = client.get("/login").status_code

    assert (before, after) == (200, 200)
    assert [answer.status_code for answer in (page, program, health, written)] == [503] * 4
    assert "The schedule is being updated" in page.text
    assert (page.headers["Retry-After"], "9999_later" in page.text) == ("60", False)
    assert (program.mimetype, program.json["code"]) == ("application/problem+json", "other-schema")
    assert NEWER.format(NEWEST) in health.json["schema"]


def test_the_web_does_not_start_on_another_schema(app, session):
    migrate_to(session, "0091")

    with pytest.raises(ConfigError, match="DATABASE_URL cannot be used: the database has schema 0091"):
        schema.require(app)


def test_the_migrations_read_as_text_are_those_that_alembic_runs():
    scripts = ScriptDirectory(str(MIGRATIONS))

    assert newest() == scripts.get_current_head()
    assert all(is_known(script.revision) for script in scripts.walk_revisions())
    assert not is_known("9999_later")
