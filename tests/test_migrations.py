"""Migrations, up and down, with data in the tables, on both engines."""

import pytest
from flask_migrate import check, downgrade, upgrade
from sqlalchemy import inspect, text
from sqlalchemy.exc import IntegrityError

from scheduler.database import db
from tests.engines import both

FIRST = "0001"
KEPT = (
    "clinic",
    "patient",
    "care_plan",
    "appointment",
    "occupation",
    "reminder",
    "message",
    "gate",
    "resource",
)
OVERLAP = """
INSERT INTO occupation
    (clinic_id, resource_id, lane, appointment_id, phase, role, exclusive, start_at, end_at, released_at)
SELECT clinic_id, resource_id, lane, appointment_id, phase, role, exclusive, start_at, end_at, NULL
FROM occupation WHERE released_at IS NULL ORDER BY id LIMIT 1
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
