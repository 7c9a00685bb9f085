import json

from sqlalchemy import event, text

from scheduler.database import db
from scheduler.processes.sealing import seal_trails
from scheduler.services.trail import audit
from tests.cast import NOW
from tests.cli.test_users import run
from tests.engines import both
from tests.services.trail.test_audit_chain import OFF, forge


@both
def test_the_tick_seals_and_the_command_finds_what_was_changed(app, session, harbor, hill):
    assert seal_trails(app) != "sealed 0"
    assert seal_trails(app) == "sealed 0"
    whole = run(app, "audit", "verify", "--clinic", "harbor", "--json")
    head = json.loads(whole.output)["head"]
    again = run(app, "audit", "verify", "--clinic", "harbor", "--head", head)
    session.rollback()
    for off in OFF[session.get_bind().dialect.name]:
        session.execute(text(off))
    session.execute(
        text("UPDATE audit_event SET event = 'nothing' WHERE serial = 2 AND clinic_id = :one"),
        {"one": harbor.clinic.id},
    )
    session.commit()
    changed = run(app, "audit", "verify", "--clinic", "harbor")
    untouched = run(app, "audit", "verify", "--clinic", "hill")

    assert (whole.exit_code, again.exit_code, changed.exit_code, untouched.exit_code) == (0, 0, 1, 0)
    assert changed.output.splitlines()[1:] == [
        "2: the event differs from what was sealed, or is in the wrong position"
    ]


def test_a_head_that_is_none_is_refused(app, harbor):
    assert (
        run(app, "audit", "verify", "--head", "x").output
        == "Error: a head is SERIAL:SEAL, as a check prints it\n"
    )


@both
def test_a_row_that_sql_put_into_the_trail_is_reported(app, session, harbor):
    seal_trails(app)
    forge(session, "patient.created", event="requirement.overridden", actor="staff")
    session.commit()
    sealed = seal_trails(app)
    verified = run(app, "audit", "verify", "--clinic", "harbor")
    status = json.loads(run(app, "status", "--json").output)

    assert sealed == "sealed 0"
    assert verified.exit_code == 1
    assert "was not written by Seriate: not linked" in verified.output
    assert (
        "rows in the audit trail of harbor were not written by Seriate: 1 (flask audit verify)"
        in status["troubles"]
    )


def test_rows_that_sql_put_into_the_trail_are_passed_over_without_the_write_lock(app, session, harbor):
    writers = []

    def began(connection):
        if connection.get_execution_options().get("writes"):
            writers.append(connection)

    seal_trails(app)
    forge(session, "patient.created", event="requirement.overridden", actor="staff")
    session.commit()
    event.listen(db.engine, "begin", began)
    idle, for_forged = seal_trails(app), len(writers)
    audit.record(session, harbor.command, "x.happened", harbor.clinic, NOW)
    session.commit()
    sealed, for_own = seal_trails(app), len(writers)
    event.remove(db.engine, "begin", began)

    assert (idle, for_forged) == ("sealed 0", 0)
    assert (sealed, for_own) == ("sealed 1", 1)
