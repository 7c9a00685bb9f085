"""A process that has everything imported and forks senders on demand, so that a thousand of them can be killed.

Each line on its standard input is a plan, as JSON, for one sender; it answers with the sender's process id. A sender
runs the real dispatch tick again and again over the plan's database and mail server, and is ended by a signal. A
plan's `control` plants a bug in it, which the drill must catch. One nursery serves all drills of a run.
"""

import json
import os
import signal
import sys
import time
from datetime import timedelta
from functools import lru_cache, partial
from pathlib import Path
from types import SimpleNamespace

from sqlalchemy import select, update

from config import MailServer
from scheduler.app import create_app
from scheduler.jobs import dispatch as dispatching
from scheduler.jobs import sending
from scheduler.jobs.dispatch import Outbound, dispatch
from scheduler.models.message import Message, MessageState
from scheduler.notify.smtp import Connection
from scheduler.services.mail import delivery, leases, letters
from scheduler.services.mail.letters import Letterhead
from tests.cast import NOW
from tests.engines import SECRET_KEY, test_settings

PAUSE = 0.05
FINAL_WAIT = 5  # seconds for the answer to a mail's content
_signal = signal.signal


def main():
    for line in sys.stdin:
        plan = SimpleNamespace(**json.loads(line))
        app = _app(plan.folder, plan.database)
        child = os.fork()
        if child == 0:
            _send_until_killed(app, plan)
        print(child, flush=True)
        _bury()


@lru_cache(maxsize=2)
def _app(folder, database):
    return create_app(test_settings(Path(folder), database))


def _send_until_killed(app, plan):
    sys.stdin.close()
    with Path(plan.log).open("ab") as log:
        os.dup2(log.fileno(), sys.stderr.fileno())
    _plant(plan.control)
    dispatching.BATCH = plan.batch
    server = MailServer("127.0.0.1", plan.port, "plain")
    out = Outbound(
        app,
        lambda: Connection(server, FINAL_WAIT),
        Letterhead("https://seriate.example", (SECRET_KEY,), "Seriate <clinic@seriate.example>"),
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


def _bury():
    """Collect the children that have ended."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def _plant(control):
    """Put a bug into the senders."""
    if control == "gate-not-written":  # the gate lets everybody through and leaves no trace
        sending.pass_gate = lambda *_: True
    elif control == "recorded-first":  # the result is recorded before the content is sent
        sending.pass_gate = _recorded_first
    elif control == "gate-blind":  # the gate does not look at the visits
        delivery._is_stale = lambda: Message.id < 0
    elif control == "gate-asks-no-lease":  # the gate lets out also what somebody else has claimed meanwhile
        sending.pass_gate = _gate_without_lease
    elif control == "drops-all":  # a sender that is asked to end drops what it has in hand
        signal.signal = lambda number, _: _signal(number, lambda *_: os._exit(0))
    elif control == "claims-for-all":  # a claim takes what somebody else has claimed
        dispatching.claim = _claim_for_all
        sending.pass_gate = lambda *_: True
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
        message.leased_until = leases.database_time(session) + lease
    session.flush()
    return messages


def _gate_without_lease(session, letter, now):
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
    if not delivery.pass_gate(session, letter, now):
        return False
    delivery.accepted(session, letter, "250 said too early", now)
    return True


if __name__ == "__main__":
    main()
