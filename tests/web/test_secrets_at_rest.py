"""A stolen database or backup opens nothing: each secret is made through each interface, then searched in the bytes.

The calls of the API with a secret in their answer are found by themselves, so a new one is tried here too.
"""

import json
import re
from pathlib import Path

import pytest
from sqlalchemy import make_url

from config import MailServer
from scheduler.api.operations import CALLS
from scheduler.database import db
from scheduler.models.message import Message, MessageKind, MessageState
from scheduler.models.user import StaffRole
from scheduler.notify.smtp import Connection
from scheduler.processes.dispatch import Outbound, dispatch
from scheduler.services import private_links
from scheduler.services.account import accounts, invitations, passwords, second_factors
from scheduler.services.encryption import decrypt
from scheduler.services.mail import outbox
from scheduler.services.transfer import backup_files
from tests.api.conftest import Program
from tests.cast import NOW, PASSWORD
from tests.cli.test_users import run
from tests.engines import SECRET_KEY, both
from tests.processes.test_dispatch import HEAD, post_office
from tests.smtp_server import HANG_UP, Script

CHOSEN = "a heron below the lock 7720"
TOTP_SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXQ"
ADDRESS = re.compile(r"/feeds/([A-Za-z0-9_-]{20,})")
API_TOKEN = re.compile(r"seriate_[A-Za-z0-9_-]{20,}")
PASSWORD_LINK = re.compile(r"/account/password/([A-Za-z0-9_.-]{20,})")


@pytest.fixture
def bearer(session, harbor):
    text = accounts.create_token(session, harbor.command, harbor.users["ada"], "test", NOW)[1]
    session.commit()
    return text


def of_the_api(app, harbor, bearer):
    """Make each secret that the API gives, with an Idempotency-Key; return them and the repeated answers."""
    ids = {
        "patient_id": harbor.patients["Nora"].public_id,
        "practitioner_id": harbor.people["Nina"].public_id,
        "location_id": harbor.places["Chair 1"].public_id,
    }
    bodies = {"create_token": {"name": "phone"}}
    program = Program(app.test_client(), bearer)
    secrets, repeated = [], []
    for name, call in sorted(CALLS.items()):
        if not call.secrets:
            continue
        [rule] = [one for one in app.url_map.iter_rules() if one.endpoint == f"api.{name}"]
        path = re.sub(r"<(\w+)>", lambda found: ids[found[1]], rule.rule).removeprefix("/api/v1")
        first, second = (program.post(path, bodies.get(name, {}), Idempotency_Key=name) for _ in range(2))
        secrets += [first.json[field].rpartition("/")[2].removesuffix(".ics") for field in call.secrets]
        repeated.append((first, second, call.secrets))
    return secrets, repeated


def of_the_pages(signed_in, harbor):
    """Make each secret that a page shows once."""
    ada, alice = signed_in(harbor, "ada"), signed_in(harbor, "alice")
    form = {"user": "ada@example.org", "name": "desk", "share": "all", "ends": "90"}
    secrets = API_TOKEN.findall(ada.post("/settings/tokens", data=form).text)
    for path in (
        "/calendars/clinic",
        f"/calendars/people/{harbor.people['Nina'].public_id}",
        f"/calendars/places/{harbor.places['Chair 1'].public_id}",
        f"/patients/{harbor.patients['Nora'].public_id}/feeds",
    ):
        secrets += ADDRESS.findall(alice.post(path, data={"title_style": "neutral"}).text)
    return [*secrets, alice.get_cookie("seriate").value]


def of_the_commands(app):
    token = run(app, "token", "create", "--user", "ada@example.org", "--name", "cli", "--json")
    user = run(app, "user", "create", "new@example.org", "--role", "nurse", "--json")
    return [*API_TOKEN.findall(token.stdout), json.loads(user.stdout)["password"]]


def of_people(app, session, harbor):
    """An invitation and a reset that wait, a second factor, a chosen password."""
    invitations.invite(
        session, harbor.actor("ada"), "eve@example.org", StaffRole.NURSE, NOW, "http://x", [SECRET_KEY]
    )
    passwords.ask_for_reset(session, "mona@example.org", NOW, "http://x", [SECRET_KEY])
    accounts.set_password(session, harbor.users["mona"], CHOSEN)
    secret = app.extensions["security"].totp_factory._totp(key=TOTP_SECRET).to_json(encrypt=True)
    codes = second_factors.enrol(session, harbor.users["mona"], secret, NOW)
    session.commit()
    return [CHOSEN, PASSWORD, TOTP_SECRET, *codes, *(one.replace("-", "") for one in codes)]


def of_mail_in_doubt(app, session, harbor):
    """Let the server hang up after each mail, so that every one is kept to be sent again; return their links."""
    link = outbox.enqueue(session, harbor.clinic, MessageKind.LINK, NOW, patient=harbor.patients["Nora"])
    token = private_links.page_token((SECRET_KEY,), link, private_links.VISITS)
    session.commit()
    script = Script(plan=dict.fromkeys(("nora", "eve", "mona", "ada", "alice"), ("content", HANG_UP)))
    with post_office(app, script, policy="hold") as post:
        post.run(NOW)
        post.run(NOW)
    mails = b"".join(one.content for one in script.received).decode().replace("=\r\n", "").replace("=3D", "=")
    held = session.query(Message).filter(Message.content.is_not(None)).count()
    return [token, *PASSWORD_LINK.findall(mails)], held


def of_mail_servers(app, session):
    """Let the mail server be away, with a password of its own."""
    session.close()
    server = MailServer("127.0.0.1", 9, "plain", "clinic", "smtp-word-5512")
    dispatch(Outbound(app, lambda: Connection(server, 1), HEAD, "resend", lambda: NOW, beat=lambda _: None))
    return ["smtp-word-5512"]


@both
def test_no_secret_lies_in_the_database_or_a_backup(
    app, session, harbor, bearer, signed_in, database_url, engine_name, tmp_path
):
    given, repeated = of_the_api(app, harbor, bearer)
    session.rollback()  # a reader that began before a request may not write after it on SQLite
    secrets = [bearer, SECRET_KEY, *given, *of_the_pages(signed_in, harbor), *of_the_commands(app)]
    session.rollback()
    secrets += of_people(app, session, harbor)
    waiting = contents(app, database_url, engine_name, tmp_path / "waiting")
    linked, held = of_mail_in_doubt(app, session, harbor)
    secrets += linked + of_mail_servers(app, session)
    session.close()
    kept = contents(app, database_url, engine_name, tmp_path / "held")

    assert (len(given), len(secrets) > 30, held >= 3, len(linked) >= 3) == (9, True, True, True)
    assert [one for one in secrets if one.encode() in waiting + kept] == []
    assert b"/account/password/" not in waiting + kept
    for first, second, fields in repeated:
        assert (first.status_code, second.status_code, second.headers["Idempotency-Replayed"]) == (
            201,
            201,
            "true",
        )
        assert [second.json[field] for field in fields] == [None] * len(fields)
        assert "shown in the first answer only" in second.json["notice"]
        assert (first.json["notice"], second.json["id"]) == (None, first.json["id"])


def contents(app, database_url, engine_name, file):
    """Return the bytes of a new backup, and of the database's own files on SQLite."""
    assert run(app, "backup", str(file)).exit_code == 0
    with file.open("rb") as opened:
        found = "".join(backup_files.read(opened, None)).encode()
    if engine_name == "sqlite":
        path = Path(make_url(database_url).database)
        found += b"".join(one.read_bytes() for one in path.parent.glob(f"{path.name}*"))
    return found


def test_a_mail_in_doubt_is_sent_again_byte_for_byte(app, session, harbor):
    outbox.enqueue(session, harbor.clinic, MessageKind.LINK, NOW, patient=harbor.patients["Nora"])
    script = Script(plan={"nora": ("content", HANG_UP)})
    with post_office(app, script) as post:
        post.run(NOW)
    first, second = (one.content for one in script.received)
    [message] = db.session.query(Message)

    assert first == second
    assert (message.state, first in message.content) == (MessageState.UNCERTAIN, False)
    assert decrypt([SECRET_KEY], message.content) == first
