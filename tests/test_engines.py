import flask_migrate
from sqlalchemy import inspect, text

from scheduler.database import db
from tests.engines import both


@both
def test_each_test_has_a_fresh_and_migrated_database(engine_name, app):
    tables = set(inspect(db.engine).get_table_names())

    assert db.engine.dialect.name == engine_name
    assert set(db.metadata.tables) <= tables
    assert {name: count(name) for name in db.metadata.tables} == dict.fromkeys(db.metadata.tables, 0)


@both
def test_the_schema_is_what_the_models_say(app):
    flask_migrate.check()


def count(table):
    return db.session.scalar(text(f'SELECT count(*) FROM "{table}"'))
