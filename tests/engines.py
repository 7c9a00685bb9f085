"""Both database engines for tests, each test on a fresh and migrated database.

One server and one migrated template per engine serve a whole run, with all its xdist workers; a test gets a copy.
PostgreSQL is TEST_DATABASE_URL (a role that may create databases), else a server of our own. A machine that has
neither fails the tests; nothing is skipped.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import Context
from pathlib import Path
from uuid import uuid4

import flask_migrate
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.orm import Session

import config
from scheduler.app import create_app
from scheduler.database import db
from tests import postgres_server

config.pin_zones()  # before any test module looks at a zone
ENGINES = ("sqlite", "postgresql")
SECRET_KEY = "5f2c81d09be74a36c1d8e0472b9fa6535f2c81d09be74a36"
RUN = os.environ.get("PYTEST_XDIST_TESTRUNUID", uuid4().hex)[:12]

both = pytest.mark.parametrize("engine_name", ENGINES, indirect=True)


def test_settings(folder: Path, database_url: str, **changes: str) -> config.Settings:
    """Return settings of APP_ENV=test with their instance folder; changes are environment variables."""
    environ = {
        "APP_ENV": "test",
        "INSTANCE_PATH": str(folder),
        "DATABASE_URL": database_url,
        "SECRET_KEY": SECRET_KEY,
    }
    return config.load(environ | changes)


test_settings.__test__ = False  # type: ignore[attr-defined]  # a maker of settings, not a test


class Visitor(FlaskClient):
    """A client whose requests know nothing of the test's own app context, session and `g`."""

    def open(self, *args, **kwargs):
        return Context().run(super().open, *args, **kwargs)


@pytest.fixture
def engine_name(request: pytest.FixtureRequest) -> str:
    """SQLite, unless the test is marked @both."""
    return getattr(request, "param", "sqlite")


@pytest.fixture
def database_url(engine_name: str, shared_folder: Path, tmp_path: Path) -> Iterator[str]:
    """The address of a fresh, migrated, empty database."""
    if engine_name == "sqlite":
        copy = tmp_path / "seriate.db"
        shutil.copyfile(_sqlite_template(shared_folder), copy)
        copy.chmod(0o600)  # a production refuses one that others can read
        yield f"sqlite:///{copy}"
        return
    server = _postgresql(shared_folder)
    name = f"seriate_{RUN}_{uuid4().hex[:12]}"
    template = _postgresql_template(shared_folder, server)
    _execute(server, f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    yield _on(server, name)
    _execute(server, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def other_url(engine_name: str, shared_folder: Path, tmp_path: Path) -> Iterator[str]:
    """The address of a second database of the same engine, without any table."""
    with empty_database(engine_name, shared_folder, tmp_path) as url:
        yield url


@contextmanager
def empty_database(engine_name: str, shared: Path, folder: Path) -> Iterator[str]:
    """Give the address of a database without any table, gone afterwards."""
    if engine_name == "sqlite":
        yield f"sqlite:///{folder / 'empty.db'}"
        return
    server = _postgresql(shared)
    name = f"seriate_{RUN}_{uuid4().hex[:12]}"
    _execute(server, f'CREATE DATABASE "{name}"')
    yield _on(server, name)
    _execute(server, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def app(database_url: str, tmp_path: Path) -> Iterator[Flask]:
    """The app on the fresh database, in its context."""
    app = create_app(test_settings(tmp_path, database_url))
    app.testing = True
    app.test_client_class = Visitor
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def session(app: Flask) -> Session:
    """The session of the test itself; requests have their own, so commit before one."""
    return db.session()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all workers of this run share."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Take away the template of a server that outlives the run."""
    server = os.environ.get("TEST_DATABASE_URL")
    if server and not hasattr(session.config, "workerinput"):
        _execute(_address(server), f'DROP DATABASE IF EXISTS "{_template_name()}"')


def _sqlite_template(shared: Path) -> Path:
    template = shared / "template.db"
    with _once(shared, "sqlite") as missing:
        if missing:
            migrate(f"sqlite:///{template}", shared)
    return template


def _postgresql_template(shared: Path, server: str) -> str:
    name = _template_name()
    with _once(shared, "postgresql-template") as missing:
        if missing:
            _execute(server, f'CREATE DATABASE "{name}"')
            migrate(_on(server, name), shared)
    return name


def _template_name() -> str:
    return f"seriate_{RUN}_template"


def _postgresql(shared: Path) -> str:
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        return _address(given)
    written = shared / "postgresql-address"
    with _once(shared, "postgresql") as missing:
        if missing:
            # a path short enough for a socket, and open to the user that the server runs as
            folder = Path(tempfile.mkdtemp(prefix="seriate-pg-"))
            controller = os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()
            postgres_server.start(folder, until=controller)
            written.write_text(postgres_server.address(folder))
    return written.read_text()


@contextmanager
def _once(shared: Path, name: str) -> Iterator[bool]:
    """Give True to the first worker that comes, while the others wait for it to end well."""
    done = shared / f"{name}.done"
    with (shared / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        missing = not done.exists()
        yield missing
        if missing:
            done.touch()


def migrate(url: str, shared: Path) -> None:
    with create_app(test_settings(shared, url)).app_context():
        flask_migrate.upgrade()
        db.engine.dispose()


def _execute(server: str, statement: str) -> None:
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


def _on(server: str, database: str) -> str:
    return make_url(server).set(database=database).render_as_string(hide_password=False)


def _address(given: str) -> str:
    return make_url(given).set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
