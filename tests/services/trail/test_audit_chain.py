from datetime import timedelta

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError

from scheduler.models.audit_event import AuditEvent
from scheduler.services.trail import audit, audit_chain
from scheduler.services.trail.audit_chain import ChainFault
from tests.cast import NOW
from tests.engines import SECRET_KEY, both

KEYS = (SECRET_KEY,)
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
        ("UPDATE audit_event SET reason = 'nothing' WHERE serial = 3", [(3, "the event differ")]),
        ("UPDATE audit_event SET at = :late WHERE serial = 3", [(3, "the event differ")]),
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
        ChainFault(4, f"events 4 to {trail} are missing since the head was noted"),
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
def test_a_row_that_the_application_has_not_written_is_not_linked(app, session, harbor, trail):
    forge(
        session, "x.happened", event="requirement.overridden", user_id=harbor.users["rita"].id, actor="staff"
    )
    audit.record(session, harbor.command, "y.happened", harbor.clinic, NOW)
    session.commit()
    linked = audit_chain.seal(session, harbor.clinic, KEYS, NOW)
    session.commit()
    forged = session.scalar(select(AuditEvent).where(AuditEvent.event == "requirement.overridden"))
    found = audit_chain.verify(session, harbor.clinic, KEYS)

    assert (linked, forged.serial) == (1, None)
    assert found.faults == (
        ChainFault(0, f"the row with id {forged.id} was not written by Seriate: not linked"),
    )
    assert (found.forged, found.unsealed) == (1, 0)
    assert audit_chain.seal(session, harbor.clinic, KEYS, NOW) == 0


@both
def test_a_copy_of_an_event_is_refused(session, harbor, trail):
    with pytest.raises(IntegrityError):
        forge(session, "x.happened", keeping_mac=True)


@both
def test_a_copy_of_a_linked_event_is_not_linked_again_when_the_index_is_gone(session, harbor, trail):
    session.execute(text("DROP INDEX ix_audit_event_nonce"))
    forge(session, "x.happened", keeping_mac=True)
    session.commit()

    assert audit_chain.seal(session, harbor.clinic, KEYS, NOW) == 0
    assert [fault.serial for fault in audit_chain.verify(session, harbor.clinic, KEYS).faults] == [0]


@both
def test_the_database_refuses_to_blank_a_reason_without_an_erasure(session, harbor, trail):
    with pytest.raises(IntegrityError, match="append-only"):
        session.execute(text("UPDATE audit_event SET reason = '', reason_salt = '' WHERE reason != ''"))


@both
def test_a_reason_blanked_without_an_erasure_is_found(session, harbor, trail):
    meddle(session, "UPDATE audit_event SET reason = '', reason_salt = '' WHERE event = 'x.happened'")

    assert audit_chain.verify(session, harbor.clinic, KEYS).faults == (
        ChainFault(trail, "the reason is blank, and no erasure names it"),
    )


@both
def test_a_reason_blanked_under_a_forged_erasure_is_found(session, harbor, trail):
    digest = session.scalar(select(AuditEvent.reason_digest).where(AuditEvent.event == "x.happened"))
    forge(session, "x.happened", event="patient.erased", fields=f'["reason:{digest}"]')
    session.execute(text("UPDATE audit_event SET reason = '', reason_salt = '' WHERE event = 'x.happened'"))
    session.commit()
    audit_chain.seal(session, harbor.clinic, KEYS, NOW)

    assert [fault.serial for fault in audit_chain.verify(session, harbor.clinic, KEYS).faults] == [trail, 0]


def forge(session, copied, keeping_mac=False, **changed):
    """Put a copy of an event into the table as SQL does that has no key."""
    if not keeping_mac:
        changed["nonce"] = "f" * 24
    names = [
        name for name in list(AuditEvent.__table__.columns.keys()) if name not in ("id", "serial", "seal")
    ]
    cast = "CAST(:fields AS jsonb)" if session.get_bind().dialect.name == "postgresql" else ":fields"
    values = [(cast if name == "fields" else f":{name}") if name in changed else name for name in names]
    statement = f"INSERT INTO audit_event ({', '.join(names)}) SELECT {', '.join(values)} FROM audit_event"
    session.execute(text(f"{statement} WHERE event = :copied"), {**changed, "copied": copied})


@both
def test_a_blanked_reason_leaves_the_chain_whole(session, harbor, trail):
    ids = [harbor.clinic.public_id]
    audit.record_erasure(session, harbor.command, harbor.patients["Nora"], ids, NOW, "asked for")
    audit_chain.seal(session, harbor.clinic, KEYS, NOW)
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
        ChainFault(trail, "the reason is not the one that was sealed"),
    )
