from datetime import date, timedelta

import pytest
from sqlalchemy import event, update

from scheduler.database import begin_write
from scheduler.models import versions
from scheduler.models.allocation import Allocation
from scheduler.services.planning import availability, calendar_cache
from tests.cast import NOW, add_person
from tests.engines import both
from tests.visits import add_visit

MONDAY = date(2026, 11, 30)
NINE = NOW + timedelta(days=7, hours=1)


@pytest.fixture
def kept(monkeypatch):
    """Keep even the shortest calendar."""
    monkeypatch.setattr(calendar_cache, "WORTH_KEEPING", 0)


def load(session, cast, **options):
    found = availability.load(session, cast.clinic, MONDAY, 14, NOW, **options)
    session.rollback()
    return found


def changed(session, cast):
    versions.raise_versions(session, cast.clinic.id, (), NOW)
    session.commit()


def fresh(session, cast):
    """Return the same, read without anything kept."""
    calendar_cache.forget()
    return load(session, cast)


@both
def test_what_is_added_and_released_shows_at_once(session, harbor, kept):
    before = load(session, harbor)
    visit = add_visit(session, harbor, "Chair 1", NINE)
    changed(session, harbor)
    with_visit = load(session, harbor)
    session.execute(update(Allocation).where(Allocation.appointment_id == visit.id).values(released_at=NOW))
    changed(session, harbor)
    without = load(session, harbor)

    assert with_visit.at_least != before.at_least
    assert without.at_least == before.at_least == fresh(session, harbor).at_least


@both
def test_a_change_of_people_is_seen(session, harbor, kept):
    load(session, harbor)
    add_person(session, harbor, "Nadia", "nurse")
    changed(session, harbor)

    assert "Nadia" in {resource.name for resource in load(session, harbor).resources}


def test_releasing_frees_the_time_of_these_visits_only(session, harbor, kept):
    empty = load(session, harbor)
    first = add_visit(session, harbor, "Chair 1", NINE).id
    add_visit(session, harbor, "Chair 2", NINE)
    changed(session, harbor)
    both_there = load(session, harbor)

    freed = load(session, harbor, releasing=frozenset({first}))

    chairs = [harbor.places[name].resource_id for name in ("Chair 1", "Chair 2")]
    assert [freed.at_least[chair] == empty.at_least[chair] for chair in chairs] == [True, False]
    assert freed.at_least[chairs[1]] == both_there.at_least[chairs[1]]


@pytest.mark.parametrize("most", [2, 1_000])
def test_many_changes_add_up_to_what_is_there(session, harbor, kept, monkeypatch, most):
    monkeypatch.setattr(calendar_cache, "MOST_CHANGED", most)
    load(session, harbor)
    for day in range(6):
        visit = add_visit(session, harbor, "Chair 1", NINE + timedelta(days=day))
        if day % 2:
            released = update(Allocation).where(Allocation.appointment_id == visit.id - 1)
            session.execute(released.values(released_at=NOW))
        changed(session, harbor)
        seen = load(session, harbor)
        anew = fresh(session, harbor)

        assert seen.at_least == anew.at_least
        assert sorted(seen.calendar.occupied) == sorted(anew.calendar.occupied)
        assert len(seen.calendar.occupied) == len(list(anew.calendar.occupied))


def test_a_visit_that_moves_is_no_longer_among_what_is_taken(session, harbor, kept):
    first = add_visit(session, harbor, "Chair 1", NINE).id
    add_visit(session, harbor, "Chair 2", NINE)
    changed(session, harbor)
    every = load(session, harbor).calendar.occupied
    others = load(session, harbor, releasing=frozenset({first})).calendar.occupied

    assert {one for one in every if one not in others} == {
        one for one in every if one[0] == harbor.places["Chair 1"].resource_id
    }


def test_nothing_is_kept_from_a_writing_transaction_that_is_rolled_back(session, harbor, kept):
    before = load(session, harbor)
    begin_write(session)
    add_visit(session, harbor, "Chair 1", NINE)
    versions.raise_versions(session, harbor.clinic.id, (), NOW)
    availability.load(session, harbor.clinic, MONDAY, 14, NOW)
    session.rollback()

    assert load(session, harbor).at_least == before.at_least


def test_the_number_of_queries_does_not_grow_with_people_and_visits(session, harbor):
    few = queries(session, harbor)
    for n in range(10):
        add_person(session, harbor, f"Nurse {n}", "nurse")
        add_visit(session, harbor, "Chair 1", NINE + timedelta(days=n))
    session.commit()

    assert queries(session, harbor) == few


def queries(session, cast):
    counted = []

    def count(*details):
        counted.append(details[2])

    engine = session.get_bind()
    event.listen(engine, "before_cursor_execute", count)
    load(session, cast)
    event.remove(engine, "before_cursor_execute", count)
    return len(counted)
