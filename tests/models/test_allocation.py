"""The database's own guard, reached by going around every service with plain SQL."""

from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

from scheduler.models.allocation import Allocation
from tests.cast import NOW
from tests.engines import both
from tests.visits import add_visit

HOUR = timedelta(hours=1)
GUARDS = {
    "sqlite": ["DROP TRIGGER allocation_overlap_insert"],
    "postgresql": ["ALTER TABLE allocation DROP CONSTRAINT ex_allocation_overlap"],
}
COPY = text("""
    INSERT INTO allocation
        (clinic_id, resource_id, unit, appointment_id, phase, role, exclusive, start_at, end_at, released_at)
    SELECT clinic_id, resource_id, :unit, appointment_id, phase, role, exclusive, :start, :end, :released
    FROM allocation WHERE appointment_id = :visit
""")


@pytest.fixture
def visit(session, harbor):
    """A visit on Chair 1 from NOW for an hour."""
    visit = add_visit(session, harbor, "Chair 1", NOW)
    session.commit()
    return visit


@both
@pytest.mark.parametrize(
    ("starts", "ends"),
    [(0.0, 1.0), (-0.5, 0.5), (0.5, 1.5), (0.25, 0.75), (-1.0, 2.0), (-1.0, 0.001), (0.999, 2.0)],
)
def test_an_overlap_is_not_inserted(session, visit, starts, ends):
    with pytest.raises(IntegrityError):
        insert(session, visit, starts, ends)
    session.rollback()

    assert session.scalar(text("SELECT count(*) FROM allocation")) == 1


@both
@pytest.mark.parametrize(
    ("starts", "ends", "unit", "released"),
    [(1.0, 2.0, 0, None), (-1.0, 0.0, 0, None), (0.0, 1.0, 1, None), (0.0, 1.0, 0, NOW)],
)
def test_what_does_not_overlap_is_inserted(session, visit, starts, ends, unit, released):
    insert(session, visit, starts, ends, unit, released)
    session.commit()

    assert session.scalar(text("SELECT count(*) FROM allocation")) == 2


@both
@pytest.mark.parametrize(
    "change", ["start_at = :new_start", "end_at = :new_end", "unit = 0", "released_at = NULL"]
)
def test_an_overlap_is_not_made_by_an_update(session, harbor, visit, change):
    other = {"starts": 1.0, "ends": 2.0, "unit": 0, "released": None}
    if change.startswith("unit"):
        other |= {"starts": 0.0, "ends": 1.0, "unit": 1}
    elif change.startswith("released"):
        other |= {"starts": 0.0, "ends": 1.0, "released": NOW}
    elif change.startswith("end"):
        other |= {"starts": -1.0, "ends": 0.0}
    insert(session, visit, **other)
    session.commit()
    newest = session.scalar(text("SELECT max(id) FROM allocation"))
    values = {
        "id": newest,
        "new_start": stored(session, NOW + HOUR / 2),
        "new_end": stored(session, NOW + HOUR / 2),
    }
    used = {name: value for name, value in values.items() if f":{name}" in f"{change} :id"}

    with pytest.raises(IntegrityError):
        session.execute(text(f"UPDATE allocation SET {change} WHERE id = :id"), used)
    session.rollback()


@both
def test_a_row_of_another_clinic_is_not_inserted(session, harbor, hill, visit):
    with pytest.raises(IntegrityError):
        session.execute(text("UPDATE allocation SET clinic_id = :hill"), {"hill": hill.clinic.id})
        session.commit()
    session.rollback()


def test_sqlite_refuses_a_time_in_another_notation(session, visit):
    with pytest.raises(DBAPIError):
        session.execute(text("UPDATE allocation SET start_at = '2026-11-23T12:00:00Z'"))
    session.rollback()

    assert session.query(Allocation).one().start_at == NOW


@both
def test_with_the_guard_off_the_overlap_goes_in(session, visit):
    for guard in GUARDS[session.get_bind().dialect.name]:
        session.execute(text(guard))
    insert(session, visit, 0.5, 1.5)
    session.commit()

    assert session.scalar(text("SELECT count(*) FROM allocation")) == 2


def insert(session, visit, starts, ends, unit=0, released=None):
    values = {
        "visit": visit.id,
        "unit": unit,
        "start": stored(session, NOW + starts * HOUR),
        "end": stored(session, NOW + ends * HOUR),
        "released": stored(session, released),
    }
    session.execute(COPY, values)


def stored(session, instant):
    """Return an instant as the engine's plain SQL takes it."""
    if instant is None or session.get_bind().dialect.name == "postgresql":
        return instant
    return f"{instant:%Y-%m-%d %H:%M:%S.%f}"
