import pytest
from alembic.script import ScriptDirectory

from scheduler.models.clinic import Clinic
from tests.engines import both
from tools import database_state
from tools.places import Refused


@both
def test_a_fresh_database_is_migrated_and_has_no_clinic(database_url):
    assert database_state.is_migrated(database_url)
    assert not database_state.has_clinic(database_url)


@both
def test_a_clinic_is_seen(database_url, session):
    session.add(Clinic(key="harbor", name="Harbor", zone_name="America/New_York"))
    session.commit()

    assert database_state.has_clinic(database_url)


def test_no_file_is_no_database(tmp_path):
    missing = f"sqlite:///{tmp_path}/seriate.db"

    assert not database_state.is_migrated(missing)
    assert not database_state.has_clinic(missing)
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_does_not_answer_is_one_line():
    with pytest.raises(Refused) as refusal:
        database_state.is_migrated("postgresql+psycopg://desk:word@127.0.0.1:1/seriate")

    assert str(refusal.value).startswith("DATABASE_URL does not answer: connection failed: ")
    assert "word" not in str(refusal.value)


def test_the_newest_revision_is_the_one_that_alembic_finds():
    migrations = ScriptDirectory(database_state.VERSIONS.parent)

    assert [database_state.newest_revision()] == migrations.get_heads()
