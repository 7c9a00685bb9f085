"""A tick asks every few seconds, so what it asks must not take longer with every mail that was ever sent."""

import pytest
from sqlalchemy import event

from scheduler.database import begin_write, db
from scheduler.services.mail import due, leases, message_ends
from tests.cast import NOW


@pytest.fixture
def asked(app):
    """The SELECTs that the database is sent, with what they are given."""
    found = []

    def listen(_connection, _cursor, statement, parameters, *_):
        if statement.startswith("SELECT"):
            found.append((statement, parameters))

    event.listen(db.engine, "before_cursor_execute", listen)
    yield found
    event.remove(db.engine, "before_cursor_execute", listen)


def test_no_question_of_a_tick_goes_through_a_whole_table(session, harbor, asked):
    session.commit()
    begin_write(session)
    message_ends.expire(session, NOW)
    due.collect(session, NOW)
    leases.claim(session, "token", NOW, 32)
    leases.recover(session, NOW, "resend")
    driver = session.connection().connection.driver_connection
    steps = [row[3] for one in asked for row in driver.execute(f"EXPLAIN QUERY PLAN {one[0]}", one[1])]

    assert len(steps) >= 4
    scans = [step for step in steps if step.startswith("SCAN") and "USING INDEX" not in step]
    assert set(scans) <= {"SCAN CONSTANT ROW"}  # the database's clock
