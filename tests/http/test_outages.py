"""While the database is away or the disk is full, every interface says so with 503, and goes on afterwards."""

import errno
import shutil
import tempfile
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from scheduler.database import db
from scheduler.http.outages import Busy, DatabaseAway, StorageFull, outage
from scheduler.services.account.accounts import set_password
from tests.cast import PASSWORD
from tests.chaos.own_server import own_server
from tests.clocks import StandingClock
from tests.engines import migrate


class TestPostgres:
    """A server of the test's own, which is killed."""

    @pytest.fixture
    def own(self):
        folder = Path(tempfile.mkdtemp(prefix="seriate-pg-"))  # a path short enough for a socket
        with own_server(folder) as running:
            yield running
        shutil.rmtree(folder)

    @pytest.fixture
    def database_url(self, own, tmp_path):
        url = own.create("away")
        migrate(url, tmp_path)
        return url

    def test_a_database_that_is_away_is_503_everywhere(self, own, app, session, harbor, api):
        app.testing = False
        asked = requests_of(app, session, harbor, api)
        session.rollback()
        own.kill()
        away = [ask() for ask in asked]
        own.start()
        back = [ask() for ask in asked]

        assert [answer.status_code for answer in away] == [503] * len(asked)
        assert [answer.headers.get("Retry-After") for answer in away] == ["5"] * len(asked)
        assert away[0].json["code"] == away[1].json["code"] == "database-away"
        assert away[2].json["issue"][0]["code"] == "transient"
        assert all("The system is temporarily unavailable" in answer.text for answer in away[3:])
        assert [answer.status_code for answer in back] == [200, 201, 200, 200, 303, 200]


def test_a_full_disk_is_503_and_says_so(app, session, harbor, api):
    app.testing = False
    asked = requests_of(app, session, harbor, api)
    session.rollback()
    db.engine.dispose()
    pages = []

    @event.listens_for(db.engine, "connect")
    def fill(connection, _record):  # the engine's own error, as when the disk has no room for another page
        pages.append(connection.execute("PRAGMA page_count").fetchone()[0])
        connection.execute(f"PRAGMA max_page_count = {pages[0]}")

    program, page = (until_full(ask) for ask in (asked[1], asked[4]))

    assert (program.status_code, program.json["code"]) == (503, "storage-full")
    assert program.headers["Retry-After"] == "60"
    assert page.status_code == 503
    assert "The server disk is full" in page.text


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        ("53100", StorageFull),  # disk_full
        ("53300", DatabaseAway),  # too_many_connections
        ("57P01", DatabaseAway),  # admin_shutdown
        ("57P03", DatabaseAway),  # cannot_connect_now
        ("08006", DatabaseAway),  # connection_failure
        ("25006", DatabaseAway),  # read_only_sql_transaction
        ("40001", Busy),  # serialization_failure
        ("40P01", Busy),  # deadlock_detected
        ("57014", None),  # query_canceled: a statement that took too long is a fault
        ("42P01", None),  # undefined_table
    ],
)
def test_the_server_s_own_words_tell_which_outage_it_is(state, kind):
    found = outage(OperationalError("", {}, psycopg.errors.lookup(state)()))

    assert type(found) is (kind or type(None))


@pytest.mark.parametrize(
    ("number", "kind"), [(errno.ENOSPC, StorageFull), (errno.EDQUOT, StorageFull), (errno.EPIPE, None)]
)
def test_no_room_for_an_upload_is_a_full_disk(number, kind):
    assert type(outage(OSError(number, ""))) is (kind or type(None))


def requests_of(app, session, harbor, api):
    """Return one request of every interface: two of a program, FHIR, the desk's page and form, a patient's page."""
    ada, app.config["WTF_CSRF_ENABLED"] = api(harbor, "ada"), False
    app.extensions["clock"] = StandingClock()
    set_password(session, harbor.users["ada"], PASSWORD)
    session.commit()
    desk, numbers = app.test_client(), iter(range(10_000))
    desk.post("/login", data={"email": "ada@example.org", "password": PASSWORD})

    def form():
        name = f"F{next(numbers)}"
        return desk.post("/patients", data={"given_name": name, "family_name": "x" * 100})

    def program():
        return ada.post("/patients", {"given_name": f"P{next(numbers)}", "family_name": "x" * 100})

    nora = harbor.patients["Nora"].public_id
    return [
        lambda: ada.get(f"/patients/{nora}"),
        program,
        lambda: app.test_client().get(f"/fhir/Patient/{nora}", headers=ada.headers),
        lambda: desk.get(f"/patients/{nora}"),
        form,
        lambda: app.test_client().post("/visits", data={"email": "nora@example.org"}),
    ]


def until_full(ask):
    """Ask until the database has no page left."""
    for _ in range(500):
        answer = ask()
        if answer.status_code >= 500:
            return answer
    raise AssertionError("there was always room")
