"""SQL that is compiled once, before the programs of the drills are forked."""

import threading
import time
from datetime import timedelta
from pathlib import Path

from sqlalchemy import make_url

from config import MailServer
from scheduler.app import create_app
from scheduler.database import db
from scheduler.notify.smtp import Connection
from scheduler.processes.dispatch import Outbound, dispatch
from scheduler.services.account import accounts
from scheduler.services.mail.letters import Letterhead
from tests.api.conftest import Program
from tests.cast import NOW, add_patient, cast_of
from tests.chaos import crowd
from tests.clocks import StandingClock
from tests.engines import SECRET_KEY, share_what_is_compiled, test_settings
from tests.smtp_server import Script, smtp_server

HEAD = Letterhead("https://seriate.example", (SECRET_KEY,), "Seriate <clinic@seriate.example>")
FINAL_WAIT = 5  # seconds for the answer to a mail's content
MAILS = 3
_warm: set[str] = set()


def forked_app(settings):
    """Return an app that uses the SQL compiled before."""
    app = create_app(settings)
    share(app)
    return app


def share(app):
    """Let an app use the SQL compiled before, if there is some for its engine."""
    if make_url(app.config["SETTINGS"].database_url).get_backend_name() in _warm:
        share_what_is_compiled(app)


def warm(folder, database):
    """Book, move and cancel a visit and send some mail in a database with the clinic Harbor that nothing else uses."""
    app = create_app(test_settings(Path(folder), database))
    share_what_is_compiled(app)
    app.extensions["clock"] = StandingClock(NOW)
    with app.app_context():
        session = db.session()
        cast = cast_of(session, "harbor")
        patient = add_patient(session, cast, "Warm", "Up").public_id
        token = accounts.create_token(session, cast.command, cast.users["mona"], "warm", NOW)[1]
        room = cast.places["Room A"].public_id
        session.commit()
        crowd.gather(session, cast.clinic, MAILS)
        db.session.remove()
    _use_api(Program(app.test_client(), token), patient, room)
    _send(app)
    with app.app_context():
        db.engine.dispose()
    _warm.add(make_url(database).get_backend_name())


def _use_api(program, patient, room):
    body = {"patient_id": patient, "plan_definition": "therapy-6", "action": "therapy-1", "location_id": room}
    booked = program.post("/appointments", body | {"start": "2026-11-30T10:00:00-05:00"}, Idempotency_Key="1")
    assert booked.status_code == 201, booked.text
    moved = {"start": "2026-11-30T12:00:00-05:00", "reason": "warm"}
    visit = f"/appointments/{booked.json['id']}"
    assert program.post(f"{visit}/time", moved, Idempotency_Key="2").status_code == 200
    ended = {"reason": "warm", "side": "clinic"}
    assert program.post(f"{visit}/cancellation", ended, Idempotency_Key="3").status_code == 200


def _send(app):
    script = Script()
    with smtp_server(script) as port:
        server = MailServer("127.0.0.1", port, "plain")
        out = Outbound(
            app,
            lambda: Connection(server, FINAL_WAIT),
            HEAD,
            "resend",
            clock=lambda: NOW,
            lease=timedelta(seconds=60),
            beat=len,
        )
        dispatch(out)
    while threading.active_count() > 1:  # a process that has threads must not be forked
        time.sleep(0.01)
    assert len(script.received) >= MAILS
