"""Migrations, up and down, with data in the tables, on both engines."""

import re

import pytest
from flask_migrate import check, downgrade, upgrade
from sqlalchemy import inspect, text
from sqlalchemy.exc import IntegrityError

from scheduler.database import db
from scheduler.services.schema import MIGRATIONS
from tests.engines import both

REVISION = re.compile(r"""^(down_)?revision = (.+)$""", re.MULTILINE)
OVERLAP = """
INSERT INTO allocation
    (clinic_id, resource_id, unit, appointment_id, phase, role, exclusive, start_at, end_at, released_at)
SELECT clinic_id, resource_id, unit, appointment_id, phase, role, exclusive, start_at, end_at, NULL
FROM allocation WHERE released_at IS NULL ORDER BY id LIMIT 1
"""


def test_migrations_are_numbered_along_their_chain():
    files = sorted((MIGRATIONS / "versions").glob("*.py"))
    before = "None"
    for number, file in enumerate(files, start=1):
        found = {bool(down): value for down, value in REVISION.findall(file.read_text())}

        assert re.fullmatch(rf"{number:04}_[a-z0-9_]+", file.stem), file.name
        assert found == {False: f'"{file.stem}"', True: before}, file.name
        before = f'"{file.stem}"'


@both
def test_the_models_and_the_migrations_agree(app):
    check()


@pytest.fixture
def booked(session, harbor, nora_course):
    """A database with a booked course in it, and no transaction open."""
    session.commit()
    db.session.remove()


@both
def test_down_to_nothing_leaves_no_table_and_up_again_works(app, booked):
    downgrade(revision="base")
    left = inspect(db.engine).get_table_names()
    upgrade()

    assert left == ["alembic_version"]
    check()


@both
def test_the_database_refuses_an_overlap(app, booked):
    with pytest.raises(IntegrityError), db.engine.begin() as connection:
        connection.execute(text(OVERLAP))


@both
def test_the_database_keeps_the_audit_trail(app, booked):
    for statement in ("UPDATE audit_event SET event = 'x'", "DELETE FROM audit_event"):
        with pytest.raises(IntegrityError, match="append-only"), db.engine.begin() as connection:
            connection.execute(text(statement))


@both
def test_a_new_value_of_an_enum_needs_no_migration(app, booked):
    with db.engine.begin() as connection:
        connection.execute(text("UPDATE appointment SET status = 'in-recovery'"))
        stored = connection.execute(text("SELECT DISTINCT status FROM appointment")).scalars().all()

    assert stored == ["in-recovery"]
