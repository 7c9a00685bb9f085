"""No connection keeps a prepared statement: behind PgBouncer in transaction mode another client would meet it.

psycopg prepares what it has sent five times unless it is told not to.
"""

from datetime import timedelta

import pytest
from sqlalchemy import event, text

from scheduler import kept
from scheduler.database import begin_write, db
from scheduler.services.mail import leases
from tests.cast import NOW
from tests.engines import both
from tools import database_state

LEFT = "SELECT count(*) FROM pg_prepared_statements"
postgresql = pytest.mark.parametrize("engine_name", ["postgresql"], indirect=True)


@postgresql
def test_a_session_prepares_nothing(app, session, harbor):
    for _ in range(20):
        leases.claim(session, "token", NOW, 32)
        session.execute(text("SELECT name FROM clinic WHERE id = :id"), {"id": harbor.clinic.id})

    assert session.scalar(text(LEFT)) == 0


@postgresql
def test_a_writer_prepares_nothing(app, session, harbor):
    session.commit()
    for number in range(20):
        begin_write(session)
        harbor.clinic.phone = str(number)
        session.commit()

    assert session.scalar(text(LEFT)) == 0


@postgresql
def test_the_connection_that_a_thread_keeps_prepares_nothing(app, session, harbor):
    answers = [kept.ask(db.engine, "SELECT name FROM clinic WHERE key = %s", ("harbor",)) for _ in range(20)]

    assert answers[-1] == ("Harbor Clinic",)
    assert kept.ask(db.engine, LEFT, ()) == (0,)


@postgresql
def test_a_request_prepares_nothing(app, client, harbor):
    """All connections of the process are the engine's: ask each that the pool has opened."""
    for _ in range(20):
        client.get("/healthz")
    found = []

    def look(_connection, record, _proxy):
        found.append(record.driver_connection.execute(LEFT).fetchone()[0])

    event.listen(db.engine, "checkout", look)
    client.get("/healthz")
    event.remove(db.engine, "checkout", look)

    assert found
    assert set(found) == {0}


@postgresql
def test_the_tools_prepare_nothing(app, database_url, monkeypatch):
    """`make run` asks the database by a connection of its own."""
    found = []
    connect = database_state.psycopg.connect

    def listen(*arguments, **options):
        connection = connect(*arguments, **options)
        found.append(connection.prepare_threshold)
        return connection

    monkeypatch.setattr(database_state.psycopg, "connect", listen)

    assert database_state.is_migrated(database_url)
    assert found == [None]


@both
def test_a_database_that_does_not_answer_is_not_waited_for_without_end(app, engine_name):
    options = app.config["SQLALCHEMY_ENGINE_OPTIONS"]["connect_args"]

    assert (
        0
        < options["connect_timeout" if engine_name == "postgresql" else "timeout"]
        <= timedelta(seconds=10).total_seconds()
    )
