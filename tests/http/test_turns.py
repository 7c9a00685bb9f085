"""Who waits for whom: SQLite has one writer, so a request takes its lock once it is here and its caller is known."""

import socket
import threading
import time
from contextlib import contextmanager
from contextvars import Context

import pytest
from werkzeug.serving import make_server

from scheduler import database
from scheduler.database import begin_write, db
from scheduler.models.api_token import ApiToken
from scheduler.services.account import accounts
from scheduler.services.account.accounts import set_password
from tests.cast import NOW, PASSWORD
from tools.processes import LOOPBACK


@pytest.fixture
def streaming(app):
    """The address of a server that hands a request to the application before its body has arrived."""
    server = make_server(LOOPBACK, 0, app, threaded=True)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_address
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    "path", ["/account/forgotten", "/visits", "/patients", "/login", "/settings/imports"]
)
def test_an_unfinished_form_locks_nothing(app, session, harbor, streaming, path):
    app.config["WTF_CSRF_ENABLED"] = path != "/patients"
    with unfinished(streaming, path, "application/x-www-form-urlencoded", b"email="):
        assert seconds_until_writing(session) < 2


def test_an_unfinished_body_of_a_program_locks_nothing(app, session, harbor, streaming):
    text = accounts.create_token(session, harbor.command, harbor.users["alice"], "slow", NOW)[1]
    session.commit()
    with unfinished(streaming, "/api/v1/patients", "application/json", b'{"given', f"Bearer {text}"):
        assert seconds_until_writing(session) < 2


@pytest.mark.parametrize("path", ["/patients", "/settings/imports", "/settings/clinic", "/closures"])
def test_a_stranger_does_not_wait_for_a_writer(app, session, harbor, monkeypatch, path):
    app.config["WTF_CSRF_ENABLED"] = False
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.2)
    with locked(session):
        answer = app.test_client().post(path, data={"given_name": "x"})

    assert answer.status_code in (303, 404, 405)


def test_a_program_without_a_token_does_not_wait_for_a_writer(app, session, harbor, api, monkeypatch):
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.2)
    with locked(session):
        answer = api().post("/patients", {"given_name": "x"})

    assert answer.status_code == 401


def test_a_token_revoked_while_its_request_waits_changes_nothing(app, session, harbor, api):
    alice, nora = api(harbor, "alice"), harbor.patients["Nora"]
    path, token = f"/patients/{nora.public_id}", session.query(ApiToken).one()
    assert alice.get(path).status_code == 200  # its use is noted now, not in the request that waits
    session.rollback()
    begin_write(session)
    accounts.revoke_token(session, harbor.command, token, NOW)
    answer = in_thread(lambda: alice("PATCH", path, {"preferred_name": "Late"}))
    time.sleep(0.5)
    session.commit()

    assert answer().status_code == 401
    session.refresh(nora)
    assert nora.preferred_name != "Late"


def test_a_session_ended_while_its_request_waits_changes_nothing(app, session, harbor):
    app.config["WTF_CSRF_ENABLED"] = False
    set_password(session, harbor.users["alice"], PASSWORD)
    session.commit()
    browser = app.test_client()
    assert (
        browser.post("/login", data={"email": "alice@example.org", "password": PASSWORD}).status_code == 302
    )
    assert browser.get("/account/sessions").status_code == 200
    begin_write(session)
    session.execute(db.text("DELETE FROM user_session"))
    answer = in_thread(lambda: browser.post("/patients", data={"given_name": "Late", "family_name": "Guest"}))
    time.sleep(0.5)
    session.commit()

    assert answer().headers["Location"].startswith("/login")
    assert session.scalar(db.text("SELECT count(*) FROM patient WHERE given_name = 'Late'")) == 0


@contextmanager
def unfinished(address, path, kind, start, authorization=""):
    """Send the head of a request and the start of its body, and no more while the context lasts."""
    head = [f"POST {path} HTTP/1.1", "Host: x", f"Content-Type: {kind}", "Content-Length: 1000"]
    head += [f"Authorization: {authorization}"] if authorization else []
    with socket.create_connection(address) as line:
        line.sendall("\r\n".join([*head, "", ""]).encode() + start)
        time.sleep(0.7)  # for the application to get as far as it can
        yield


@contextmanager
def locked(session):
    """Be the writer."""
    session.rollback()
    begin_write(session)
    yield
    session.rollback()


def seconds_until_writing(session):
    session.rollback()
    began = time.monotonic()
    begin_write(session)
    session.rollback()
    return time.monotonic() - began


def in_thread(ask):
    found = []
    thread = threading.Thread(target=lambda: found.append(Context().run(ask)))
    thread.start()

    def answer():
        thread.join(30)
        return found[0]

    return answer
