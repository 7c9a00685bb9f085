"""Both database engines for tests, each test on a fresh and migrated database.

One server and a few templates per engine serve a whole run, with all its xdist workers; a test gets a copy. A template
is migrated and holds the scenes that the test asks for as fixtures (see `scene`), so that rows that hundreds of tests
begin with are written once. PostgreSQL is TEST_DATABASE_URL (a role that may create databases), else a server of our
own. A machine that has neither fails the tests; nothing is skipped.
"""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import Context
from pathlib import Path
from typing import Any
from uuid import uuid4

import flask_migrate
import psycopg
import pysqlite3.dbapi2 as sqlite
import pytest
from flask import Flask
from flask.testing import FlaskClient
from jinja2.bccache import Bucket, BytecodeCache
from sqlalchemy import Engine, event, make_url
from sqlalchemy.orm import Session
from werkzeug.routing import Rule

import config
from scheduler.app import create_app
from scheduler.database import db
from tests import postgres_server
from tests.clocks import StandingClock

config.pin_zones()  # before any test module looks at a zone
ENGINES = ("sqlite", "postgresql")
SECRET_KEY = "5f2c81d09be74a36c1d8e0472b9fa6535f2c81d09be74a36"
RUN = os.environ.get("PYTEST_XDIST_TESTRUNUID", uuid4().hex)[:12]
TEMPLATE = f"seriate_{RUN}_t"
SERVICES = Path(__file__).parent / "services"

both = pytest.mark.parametrize("engine_name", ENGINES, indirect=True)

Scene = Callable[[Session], None]
SCENES: dict[str, Scene] = {}
"""What a template can hold, by the name of a fixture: what writes its rows. A later one may build on an earlier one."""


def scene(name: str) -> Callable[[Scene], Scene]:
    """Mark what writes the rows of the fixture `name`. They stand in the database of each test that asks for it."""

    def mark(build: Scene) -> Scene:
        SCENES[name] = build
        return build

    return mark


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
def database_url(
    request: pytest.FixtureRequest, engine_name: str, shared_folder: Path, tmp_path: Path
) -> Iterator[str]:
    """The address of a fresh, migrated database that holds the scenes of this test and nothing else."""
    scenes = tuple(name for name in SCENES if name in request.fixturenames)
    with filled_database(engine_name, shared_folder, tmp_path, scenes) as url:
        yield url


@contextmanager
def filled_database(engine_name: str, shared: Path, folder: Path, scenes: tuple[str, ...]) -> Iterator[str]:
    """Give the address of a migrated database that holds these scenes, gone afterwards."""
    if engine_name == "sqlite":
        copy = folder / "seriate.db"
        shutil.copyfile(_sqlite_template(shared, scenes), copy)
        copy.chmod(0o600)  # a production refuses one that others can read
        yield f"sqlite:///{copy}"
        return
    server = _postgresql(shared)
    name = f"seriate_{RUN}_{uuid4().hex[:12]}"
    template = _postgresql_template(shared, server, scenes)
    execute(
        server, f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY'
    )  # half the time of WAL_LOG
    yield _on(server, name)
    execute(server, f'DROP DATABASE "{name}" WITH (FORCE)')


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
    execute(server, f'CREATE DATABASE "{name}"')
    yield _on(server, name)
    execute(server, f'DROP DATABASE "{name}" WITH (FORCE)')


def _compile_routes_once() -> None:
    """Let the apps of a process share what werkzeug compiles for each route: 0.2 s of every test without it."""
    compile_route = Rule.compile
    compiled: dict[tuple[object, ...], Rule] = {}

    def compile_once(rule: Rule) -> None:
        key = (rule.rule, rule.subdomain, rule.host, rule.merge_slashes, repr(rule.defaults))
        if key not in compiled:
            compile_route(rule)
            compiled[key] = rule
            return
        equal = compiled[key]
        rule._parts, rule._trace, rule._converters = equal._parts, equal._trace, equal._converters
        rule.arguments.update(equal.arguments)
        for name in ("_build", "_build_unknown"):
            setattr(rule, name, getattr(equal, name).__func__.__get__(rule))

    Rule.compile = compile_once  # type: ignore[method-assign]


def share_what_is_compiled(app: Flask) -> None:
    """Let the apps of a process share compiled templates, and compiled SQL for each engine: a third of a page."""
    app.jinja_env.bytecode_cache = compiled
    with app.app_context():
        engine = db.engine
    if engine.dialect.name not in _first_engines:
        engine.connect().close()  # a dialect asks the version of its server once, when its own engine connects
    first = _first_engines.setdefault(engine.dialect.name, engine)
    engine.dialect, engine._compiled_cache = first.dialect, first._compiled_cache


@event.listens_for(Engine, "connect")
def _need_not_survive(connection: Any, _record: object) -> None:
    """Write without waiting for the disk, as tests/postgres_server.py does. Processes of their own do wait."""
    if isinstance(connection, sqlite.Connection):
        connection.execute("PRAGMA synchronous = OFF")


class Compiled(BytecodeCache):
    """Templates compiled once for all apps of a process."""

    def __init__(self) -> None:
        self.codes: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self.codes:
            bucket.bytecode_from_string(self.codes[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self.codes[bucket.key] = bucket.bytecode_to_string()


_compile_routes_once()
compiled = Compiled()
_first_engines: dict[str, Engine] = {}
_servers: dict[str, psycopg.Connection[tuple[str, ...]]] = {}


@pytest.fixture
def app(request: pytest.FixtureRequest, database_url: str, tmp_path: Path) -> Iterator[Flask]:
    """The app on the fresh database, in its context. Tests of services have the worker's, which is made sooner."""
    below = request.path.is_relative_to(SERVICES) and "client" not in request.fixturenames
    app = create_app(test_settings(tmp_path, database_url), interfaces=not below)
    app.testing = True
    app.extensions["clock"] = StandingClock()
    share_what_is_compiled(app)
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


def pytest_configure(config: pytest.Config) -> None:
    """Let the workers of xdist name their databases as this process does, so that it can remove them."""
    if hasattr(config.option, "testrunuid") and not hasattr(config, "workerinput"):
        config.option.testrunuid = RUN


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Remove the templates from a server that outlives the run."""
    server = os.environ.get("TEST_DATABASE_URL")
    if not server or hasattr(session.config, "workerinput"):
        return
    made = f"SELECT datname FROM pg_database WHERE datname LIKE '{TEMPLATE}%'"
    for name in execute(_address(server), made):
        execute(_address(server), f'DROP DATABASE IF EXISTS "{name}"')


def pytest_unconfigure() -> None:
    while _servers:
        _servers.popitem()[1].close()


def _sqlite_template(shared: Path, scenes: tuple[str, ...]) -> Path:
    template = shared / f"{'-'.join(('template', *scenes))}.db"
    with _once(shared, template.name) as missing:
        if missing:
            making = template.with_suffix(".making")
            if scenes:
                shutil.copyfile(_sqlite_template(shared, scenes[:-1]), making)
            _fill(f"sqlite:///{making}", shared, scenes)
            making.rename(template)
    return template


def _postgresql_template(shared: Path, server: str, scenes: tuple[str, ...]) -> str:
    name = "_".join((TEMPLATE, *scenes))
    with _once(shared, name) as missing:
        if missing:
            source = _postgresql_template(shared, server, scenes[:-1]) if scenes else "template1"
            execute(server, f'CREATE DATABASE "{name}" TEMPLATE "{source}"')
            _fill(_on(server, name), shared, scenes)
    return name


def _fill(url: str, shared: Path, scenes: tuple[str, ...]) -> None:
    """Migrate an empty database, or add the last scene to one that holds the others."""
    if not scenes:
        migrate(url, shared)
        return
    with create_app(test_settings(shared, url)).app_context():
        SCENES[scenes[-1]](db.session())
        db.session.commit()
        db.session.remove()
        db.engine.dispose()


def _postgresql(shared: Path) -> str:
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        return _address(given)
    written = shared / "postgresql-address"
    with _once(shared, written.name) as missing:
        if missing:
            folder = postgres_server.new_folder()
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


def execute(server: str, statement: str) -> list[str]:
    """Return the first column of a statement's rows. One connection to each server is kept for it."""
    if server not in _servers:
        _servers[server] = psycopg.connect(_plain(server), autocommit=True)
    cursor = _servers[server].execute(statement)
    return [row[0] for row in cursor] if cursor.description else []


def _plain(address: str) -> str:
    return make_url(address).set(drivername="postgresql").render_as_string(hide_password=False)


def maintenance(database_url: str) -> str:
    """Return the address of the database from which others on the same server are made and dropped."""
    return _on(database_url, "postgres")


def _on(server: str, database: str) -> str:
    return make_url(server).set(database=database).render_as_string(hide_password=False)


def _address(given: str) -> str:
    return make_url(given).set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
