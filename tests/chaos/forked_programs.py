"""What the nursery forks for the drills: senders, bookers, storms, web servers.

A sender runs the real dispatch job again and again over the plan's database and mail server, and is ended by a signal.
A plan's `control` plants a bug in it, which the drill must catch.
"""

import os
import signal
import sys
import time
from datetime import timedelta
from functools import lru_cache, partial
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

from sqlalchemy import select, update

from config import MailServer
from scheduler.database import db
from scheduler.http import server
from scheduler.models.message import Message, MessageState
from scheduler.notify.smtp import Connection
from scheduler.processes import dispatch as dispatching
from scheduler.processes import sending
from scheduler.processes.dispatch import Outbound, dispatch
from scheduler.services.database_clock import database_time
from scheduler.services.mail import delivery, leases, letters
from tests.cast import NOW
from tests.chaos import acceptors, answerers, bookers, planners, storm
from tests.chaos.warm import FINAL_WAIT, HEAD, forked_app, share
from tests.engines import test_settings
from tests.nursery import fork, take
from tools.processes import LOOPBACK

PAUSE = 0.05
WORKERS = 2  # of a web server
_signal = signal.signal


def sender(plan):
    plan = SimpleNamespace(**plan)
    app = _app(plan.folder, plan.database)
    return fork(partial(_send_until_killed, app, plan), plan.log)


def program(module, plan, log):
    """Fork a booker, a storm, an answerer or a worker."""
    programs = {
        "acceptors": acceptors,
        "answerers": answerers,
        "bookers": bookers,
        "planners": planners,
        "storm": storm,
    }
    return fork(partial(programs[module].run, SimpleNamespace(**plan)), log)


def web(module, environ, log):
    """Fork a web server with the app of a module."""
    return fork(partial(_serve, module, environ), log)


def _serve(module, environ):
    take(environ)
    app = import_module(module).app
    share(app)
    with app.app_context():
        db.engine.dispose()  # no connection is shared by the processes of the server
    server.serve(app, server.listen(LOOPBACK, int(environ["PORT"])), WORKERS)


@lru_cache(maxsize=2)
def _app(folder, database):
    return forked_app(test_settings(Path(folder), database))


def _send_until_killed(app, plan):
    _plant(plan.control)
    dispatching.BATCH = plan.batch
    post = MailServer("127.0.0.1", plan.port, "plain")
    out = Outbound(
        app,
        lambda: Connection(post, FINAL_WAIT),
        HEAD,
        plan.policy,
        clock=lambda: NOW + timedelta(seconds=time.monotonic() - plan.epoch),
        lease=timedelta(seconds=plan.lease),
        beat=len,
    )
    signal.signal(signal.SIGTERM, lambda *_: out.stopping.set())
    while not out.stopping.is_set():
        try:
            dispatch(out)
        except Exception as trouble:  # as the clock's tick does
            print(f"{type(trouble).__name__}: {trouble}"[:300], file=sys.stderr)
        time.sleep(PAUSE)
    os._exit(0)


def _plant(control):
    """Put a bug into the senders."""
    if control == "check-not-written":  # the sending check lets everybody through and leaves no trace
        sending.pass_sending_check = lambda *_: True
    elif control == "recorded-first":  # the result is recorded before the content is sent
        sending.pass_sending_check = _recorded_first
    elif control == "check-blind":  # the sending check does not look at the visits
        delivery._is_stale = lambda: Message.id < 0
        delivery._sending_check.cache_clear()  # built with the other while the SQL was compiled
    elif control == "check-asks-no-lease":  # the check passes messages that another sender has claimed since
        sending.pass_sending_check = _check_without_lease
    elif control == "drops-all":  # a sender that is asked to end drops what it has in hand
        signal.signal = lambda number, _: _signal(number, lambda *_: os._exit(0))
    elif control == "claims-for-all":  # a claim takes what somebody else has claimed
        dispatching.claim = _claim_for_all
        sending.pass_sending_check = lambda *_: True
    elif control.startswith("killer="):  # a mail to this address ends every sender that composes it
        dispatching.compose = partial(_killed_by, control.partition("=")[2])
    elif control.startswith("killer-in-company="):  # and it is never claimed alone
        dispatching.compose = partial(_killed_by, control.partition("=")[2])
        dispatching.goes_alone = leases.goes_alone = lambda _: False
    elif control:
        raise SystemExit(f"no bug {control}")


def _claim_for_all(session, token, now, limit, lease, *_, **__):
    unsent = select(Message).where(Message.state.in_(("pending", "leased")), Message.due_at <= now)
    messages = list(session.scalars(unsent.order_by(Message.id).limit(limit)))
    for message in messages:
        message.state, message.lease_token = MessageState.LEASED, token
        message.leased_until = database_time(session) + lease
    session.flush()
    return messages


def _check_without_lease(session, letter, now):
    out = {"data_at": now, "content": letter.encrypted, "rfc_message_id": letter.rfc_message_id}
    out |= {"dated_at": letter.dated_at, "address": letter.recipient, "subject_line": letter.subject}
    session.execute(update(Message).where(Message.id == letter.message_id).values(**out))
    return True


def _killed_by(address, session, message, head, now):
    letter = letters.compose(session, message, head, now)
    if isinstance(letter, letters.Letter) and letter.recipient == address:
        os.kill(os.getpid(), signal.SIGKILL)
    return letter


def _recorded_first(session, letter, now):
    if not delivery.pass_sending_check(session, letter, now):
        return False
    delivery.accepted(session, letter, "250 said too early", now)
    return True
