"""Migrations, up and down, with data in the tables, on both engines."""

import hmac
import json
from hashlib import sha256

import pytest
from flask_migrate import check, downgrade, upgrade
from sqlalchemy import inspect, select, text, update
from sqlalchemy.exc import IntegrityError

from scheduler.database import begin_write, db
from scheduler.models.api_token import ApiToken
from scheduler.models.audit_event import AuditEvent
from scheduler.models.clinic import Clinic
from scheduler.services.account import accounts
from scheduler.services.trail import audit, audit_chain
from tests.cast import NOW
from tests.engines import SECRET_KEY, both

FIRST = "0001"
BEFORE_MACS = "0150"
KEPT = (
    "clinic",
    "patient",
    "care_plan",
    "appointment",
    "allocation",
    "reminder",
    "message",
    "requirement",
    "resource",
)
OVERLAP = """
INSERT INTO allocation
    (clinic_id, resource_id, unit, appointment_id, phase, role, exclusive, start_at, end_at, released_at)
SELECT clinic_id, resource_id, unit, appointment_id, phase, role, exclusive, start_at, end_at, NULL
FROM allocation WHERE released_at IS NULL ORDER BY id LIMIT 1
"""


def rows(columns):
    """Return the tables' rows, in the columns that the first migration knows."""
    with db.engine.connect() as connection:
        return {
            table: sorted(
                map(repr, connection.execute(text(f"SELECT {', '.join(columns[table])} FROM {table}")))
            )
            for table in KEPT
        }


def columns_now():
    found = inspect(db.engine)
    return {table: [f'"{one["name"]}"' for one in found.get_columns(table)] for table in KEPT}


@pytest.fixture
def booked(session, harbor, nora_course):
    """A database with a booked course in it, and no transaction open."""
    session.commit()
    db.session.remove()


@both
def test_the_models_and_the_migrations_agree(app):
    check()


@both
def test_down_to_the_first_tables_and_up_again_keeps_every_row(app, booked):
    downgrade(revision=FIRST)
    first = columns_now()
    before = rows(first)
    upgrade()
    assert rows(first) == before
    assert len(before["appointment"]) == 24


@both
def test_the_guard_stands_after_every_way(app, booked):
    for way in (lambda: downgrade(revision=FIRST), upgrade):
        way()
        with pytest.raises(IntegrityError), db.engine.begin() as connection:
            connection.execute(text(OVERLAP))


@both
def test_down_to_nothing_leaves_no_table(app, booked):
    downgrade(revision="base")

    assert inspect(db.engine).get_table_names() == ["alembic_version"]


@both
def test_events_from_before_macs_stay_linked_and_those_that_wait_can_be_linked(app, session, harbor):
    """The former release has linked all but the latest event, and erased a patient, when this one comes."""
    ada, nora = harbor.actor("ada"), harbor.patients["Nora"]
    audit.record(session, ada, "patient.updated", nora, NOW, ["phone"], "Nora called")
    audit.record(session, ada, "patient.erased", nora, NOW)
    audit.record(session, ada, "clinic.changed", harbor.clinic, NOW, ["name"], "a new name é")
    _, text_of_token = accounts.create_token(session, ada, harbor.users["ada"], "Lab", NOW)
    session.commit()
    clinic_id = harbor.clinic.id
    db.session.remove()
    downgrade(revision=BEFORE_MACS)
    with db.engine.begin() as connection:
        linked = link_as_before(connection, clinic_id)
        connection.execute(
            text("UPDATE audit_event SET reason = '', reason_salt = '' WHERE reason = 'Nora called'")
        )
    upgrade()
    begin_write(db.session())
    clinic = db.session.get_one(Clinic, clinic_id)
    added = audit_chain.seal(db.session(), clinic, [SECRET_KEY], NOW)
    db.session.commit()
    found = audit_chain.verify(db.session(), clinic, [SECRET_KEY])
    token = db.session.scalar(select(ApiToken).where(ApiToken.digest == accounts.digest_of(text_of_token)))

    assert (added, found.checked, found.faults) == (1, linked + 1, ())
    assert token.made_by.email == "ada@example.org"
    with pytest.raises(IntegrityError, match="append-only"):
        db.session.execute(text("UPDATE audit_event SET reason = '', reason_salt = '' WHERE reason != ''"))


@both
def test_the_trail_is_append_only_after_every_way(app, session, harbor):
    for way in (lambda: downgrade(revision=BEFORE_MACS), upgrade):
        db.session.remove()
        way()
        for statement in ("UPDATE audit_event SET event = 'x'", "DELETE FROM audit_event"):
            with pytest.raises(IntegrityError, match="append-only"), db.engine.begin() as connection:
                connection.execute(text(statement))


def link_as_before(connection, clinic_id):
    """Link every event of a clinic but the latest as the release before MACs did; return how many."""
    events = AuditEvent.__table__
    names = (
        "id", "at", "user_id", "actor", "event", "object_type", "object_id", "fields", "operation", "address", "reason",
        "reason_digest",
    )  # fmt: skip
    query = select(*(events.c[name] for name in names)).where(events.c.clinic_id == clinic_id)
    rows = connection.execute(query.order_by(events.c.id)).all()[:-1]
    key = hmac.new(SECRET_KEY.encode(), b"seriate audit chain", sha256).digest()
    seal = "0" * 64
    for serial, row in enumerate(rows, start=1):
        _, at, *fixed, reason, digest = row
        content = [seal, clinic_id, serial, at.isoformat(), *fixed, reason if digest is None else digest]
        seal = hmac.new(key, json.dumps(content, separators=(",", ":")).encode(), sha256).hexdigest()
        connection.execute(update(events).where(events.c.id == row.id).values(serial=serial, seal=seal))
    head = "INSERT INTO audit_head (clinic_id, serial, seal, sealed_at) VALUES (:clinic, :serial, :seal, :at)"
    values = {
        "clinic": clinic_id,
        "serial": len(rows),
        "seal": seal,
        "at": "2026-11-24 12:00:00.000000+00:00",
    }
    if connection.dialect.name == "sqlite":
        values["at"] = "2026-11-24 12:00:00.000000"
    connection.execute(text(head), values)
    return len(rows)
