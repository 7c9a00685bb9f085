from datetime import timedelta

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError

from scheduler.models.audit_event import AuditEvent
from scheduler.services.trail import audit, audit_chain
from scheduler.services.trail.audit_chain import Fault
from tests.cast import NOW
from tests.engines import both

KEYS = ("k" * 40,)
OFF = {
    "sqlite": ["DROP TRIGGER audit_event_update", "DROP TRIGGER audit_event_delete"],
    "postgresql": ["ALTER TABLE audit_event DISABLE TRIGGER USER"],
}


@pytest.fixture
def trail(session, harbor):
    """Harbor's trail, sealed in two goes; return how long it is."""
    sealed = audit_chain.seal(session, harbor.clinic, KEYS, NOW)
    audit.record(session, harbor.command, "x.happened", harbor.clinic, NOW, ["a", "b"], "why é")
    sealed += audit_chain.seal(session, harbor.clinic, KEYS, NOW + timedelta(seconds=5))
    session.commit()
    return sealed


@both
def test_a_trail_that_nobody_touched_is_whole(session, harbor, hill, trail):
    audit_chain.seal(session, hill.clinic, KEYS, NOW)
    audit.record(session, harbor.command, "x.happened", harbor.clinic, NOW)
    session.commit()

    found = audit_chain.verify(session, harbor.clinic, KEYS)
    assert (found.checked, found.unsealed, found.faults) == (trail, 1, ())
    assert audit_chain.verify(session, harbor.clinic, KEYS, noted=found.head).faults == ()


@both
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_event SET reason = 'nothing' WHERE serial = 3",
        "UPDATE audit_event SET seal = 'x' WHERE serial = 3",
        "UPDATE audit_event SET serial = NULL WHERE serial = 3",
        "UPDATE audit_event SET event = 'y', serial = 99, seal = 'y' WHERE serial IS NULL",
        "UPDATE audit_event SET reason = 'y' WHERE serial IS NULL",
        "UPDATE audit_event SET reason = '', reason_salt = '', event = 'y' WHERE event = 'x.happened'",
        "UPDATE audit_event SET reason = '', reason_salt = 'y' WHERE event = 'x.happened'",
        "DELETE FROM audit_event WHERE serial = 3",
        "DELETE FROM audit_event",
    ],
)
def test_the_database_only_lets_rows_be_added(session, harbor, trail, statement):
    audit.record(session, harbor.command, "x.happened", harbor.clinic, NOW)
    session.commit()
    before = session.scalar(select(func.count(AuditEvent.id)))
    with pytest.raises(IntegrityError, match="append-only"):
        session.execute(text(statement))
    session.rollback()

    assert session.scalar(select(func.count(AuditEvent.id))) == before


@pytest.mark.parametrize("engine_name", ["postgresql"], indirect=True)
def test_the_trail_is_not_truncated(session, harbor, trail):
    with pytest.raises(IntegrityError, match="append-only"):
        session.execute(text("TRUNCATE audit_event CASCADE"))


@both
@pytest.mark.parametrize(
    ("statement", "faults"),
    [
        ("UPDATE audit_event SET reason = 'nothing' WHERE serial = 3", [(3, "the event is not")]),
        ("UPDATE audit_event SET at = :late WHERE serial = 3", [(3, "the event is not")]),
        ("DELETE FROM audit_event WHERE serial = 3", [(3, "event 3 is missing")]),
        ("DELETE FROM audit_event WHERE serial IN (3, 4)", [(3, "events 3 to 4 are missing")]),
        ("DELETE FROM audit_event WHERE serial = 1", [(1, "event 1 is missing")]),
        ("DELETE FROM audit_event WHERE serial > 3", [(4, "events 4 to")]),
        ("DELETE FROM audit_event", [(1, "events 1 to")]),
    ],
)
def test_whoever_gets_round_the_database_is_found_out(session, harbor, trail, statement, faults):
    meddle(session, statement)

    found = audit_chain.verify(session, harbor.clinic, KEYS)
    assert [
        (fault.serial, fault.words[: len(words)])
        for fault, (_, words) in zip(found.faults, faults, strict=True)
    ] == faults


@both
def test_exchanged_events_are_found(session, harbor, trail):
    for swap in ("-1 WHERE serial = 3", "3 WHERE serial = 4", "4 WHERE serial = -1"):
        meddle(session, f"UPDATE audit_event SET serial = {swap}")

    assert {fault.serial for fault in audit_chain.verify(session, harbor.clinic, KEYS).faults} >= {3, 4}


@both
def test_a_trail_cut_off_with_its_head_is_found_by_a_noted_head(session, harbor, trail):
    noted = audit_chain.verify(session, harbor.clinic, KEYS).head
    meddle(session, "DELETE FROM audit_event WHERE serial > 3")
    kept = session.scalar(
        select(AuditEvent.seal).where(AuditEvent.serial == 3, AuditEvent.clinic_id == harbor.clinic.id)
    )
    meddle(session, f"UPDATE audit_head SET serial = 3, seal = '{kept}'")

    assert audit_chain.verify(session, harbor.clinic, KEYS).faults == ()
    assert audit_chain.verify(session, harbor.clinic, KEYS, noted).faults == (
        Fault(4, f"events 4 to {trail} are missing since the head was noted"),
    )


def test_a_trail_sealed_with_a_former_key_is_whole(session, harbor, trail):
    audit.record(session, harbor.command, "x.happened", harbor.clinic, NOW)
    new = ("n" * 40, *KEYS)
    audit_chain.seal(session, harbor.clinic, new, NOW)

    assert audit_chain.verify(session, harbor.clinic, new).faults == ()
    assert len(audit_chain.verify(session, harbor.clinic, ("x" * 40,)).faults) == trail + 1


def meddle(session, statement):
    """Change the trail like somebody who owns the database."""
    dialect = session.get_bind().dialect.name
    for off in OFF[dialect]:
        session.execute(text(off.replace("TRIGGER audit", "TRIGGER IF EXISTS audit")))
    late = "2030-01-01 00:00:00.000000" if dialect == "sqlite" else NOW + timedelta(days=999)
    session.execute(text(statement), {"late": late} if ":late" in statement else {})
    session.commit()


@both
def test_a_blanked_reason_leaves_the_chain_whole(session, harbor, trail):
    audit.blank_reasons(session, harbor.clinic, [harbor.clinic.public_id])
    session.commit()
    [row] = session.scalars(select(AuditEvent).where(AuditEvent.event == "x.happened"))

    assert (row.reason, row.reason_salt) == ("", "")
    assert audit_chain.verify(session, harbor.clinic, KEYS).faults == ()


@both
def test_another_reason_is_found(session, harbor, trail):
    for off in OFF[session.get_bind().dialect.name]:
        session.execute(text(off))
    session.execute(text("UPDATE audit_event SET reason = 'because' WHERE event = 'x.happened'"))
    session.commit()

    assert audit_chain.verify(session, harbor.clinic, KEYS).faults == (
        Fault(trail, "the reason is not the one that was sealed"),
    )
