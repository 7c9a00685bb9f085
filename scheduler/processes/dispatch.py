"""The dispatch job: from what is due to what the mail server has taken.

One run frees old leases, closes what is too late, turns due reminders into messages, then claims and composes in small
batches while a few connections send. It goes on until nothing is due; a mail that hangs holds up only its own
connection. Meanwhile it keeps its leases alive and shows that it lives. Several processes may run it at once.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from queue import Empty, SimpleQueue
from threading import Event, Lock, Thread
from typing import Concatenate, ParamSpec, TypeVar
from uuid import uuid4

from flask import Flask
from sqlalchemy.orm import Session

from scheduler.database import db, writing
from scheduler.domain.message_reasons import HoldReason, MessageReason
from scheduler.models.message import Message
from scheduler.notify.breaker import Breaker
from scheduler.processes.group_commit import GroupCommit
from scheduler.processes.sending import MailConnection, Sender
from scheduler.services.limits import Limit
from scheduler.services.mail import channels
from scheduler.services.mail.delivery import not_sent
from scheduler.services.mail.due import collect
from scheduler.services.mail.leases import LEASE, claim, goes_alone, hand_back, recover, renew
from scheduler.services.mail.letters import Letter, Letterhead, NoLetter, compose, read_batch
from scheduler.services.mail.message_ends import Policy, expire

CONNECTIONS = 4
BATCH = 32
COLLECT_EVERY = 5.0  # seconds between two looks for reminders that fall due during a long run
PAUSE = 0.02
LARGEST_JUMP = timedelta(hours=1)
Params = ParamSpec("Params")
Result = TypeVar("Result")
log = logging.getLogger(__name__)


@dataclass
class Outbound:
    """Everything a run needs that outlives it."""

    app: Flask
    connect: Callable[[], MailConnection]
    head: Letterhead
    policy: Policy
    clock: Callable[[], datetime]
    connections: int = CONNECTIONS
    lease: timedelta = LEASE
    rate: Limit | None = None  # how much the channel may send, over all processes
    breaker: Breaker = field(default_factory=Breaker)
    stopping: Event = field(default_factory=Event)
    beat: Callable[[str], None] = print
    jump: Callable[[], timedelta] = timedelta  # by how much the wall clock has jumped since the last call


class Run:
    """One run of the dispatch job."""

    def __init__(self, out: Outbound) -> None:
        self.out = out
        self.held: dict[int, str] = {}
        self.sent = 0
        self._alone = False  # what is in flight must have no company
        self._letters: SimpleQueue[Letter | None] = SimpleQueue()
        self._threads: list[Thread] = []
        self._lock = Lock()
        self._collected = self._renewed = 0.0

    def go(self) -> str:
        """Send what is due. Returns a line that says what was done."""
        with GroupCommit(self.out.app) as writer:
            self._writer = writer
            try:
                while self._feed():
                    pass
            finally:
                for _ in self._threads:
                    self._letters.put(None)
                for thread in self._threads:
                    thread.join()
                self._note_breaker()
        state = f", waiting: {self.out.breaker.reason}" if self.out.breaker.probing else ""
        return f"sent {self.sent}{state}"

    def _feed(self) -> bool:
        """Give the senders more work if there is some. Returns False once all is done."""
        self._keep_house()
        may_claim = not self.out.stopping.is_set() and self.out.breaker.allows(self.out.clock())
        busy = len(self.held)
        may_claim = may_claim and not (busy and self._alone)
        if may_claim and busy < self._room() and self._claim_some():
            return True
        if busy == 0:
            return False
        time.sleep(PAUSE)
        return True

    def _room(self) -> int:
        return 1 if self.out.breaker.probing else BATCH

    def _claim_some(self) -> bool:
        """Claim a batch, compose it, hand it to the senders. Returns False when nothing was due."""
        token = str(uuid4())
        limit = 1 if self.out.breaker.probing else BATCH
        ids, self._alone = self._writer.write(self._claim, token, limit)
        with self._lock:
            self.held.update(dict.fromkeys(ids, token))
        with self.out.app.app_context():
            try:
                batch = read_batch(db.session(), ids)
                for message_id in ids:
                    self._compose(db.session(), message_id, token)
                del batch
            finally:
                db.session.remove()
        return bool(ids)

    def _claim(self, session: Session, token: str, limit: int) -> tuple[list[int], bool]:
        out, busy = self.out, bool(self.held)
        claimed = claim(session, token, out.clock(), limit, out.lease, out.rate, in_flight=busy)
        return [message.id for message in claimed], any(map(goes_alone, claimed))

    def _compose(self, session: Session, message_id: int, token: str) -> None:
        """Hand the letter on, or record why there is none. One that cannot be composed harms no other."""
        out = self.out
        letter: Letter | NoLetter
        try:
            letter = compose(session, session.get_one(Message, message_id), out.head, out.clock())
        except Exception as trouble:
            log.exception("message %d cannot be composed", message_id)
            session.rollback()
            letter = NoLetter(
                message_id, token, MessageReason.NOT_COMPOSED, type(trouble).__name__, again=True
            )
        if isinstance(letter, NoLetter):
            self._writer.write(not_sent, letter, out.clock())
            self._let_go(message_id)
        else:
            self._letters.put(letter)
            if len(self._threads) < out.connections:
                self._threads.append(self._started())

    def _started(self) -> Thread:
        thread = Thread(target=self._work, name="sender", daemon=True)
        thread.start()
        return thread

    def _work(self) -> None:
        out = self.out
        sender = Sender(out.connect, self._writer, out.breaker, out.policy, out.clock, self._let_go)
        while (letter := self._next(sender)) is not None:
            try:
                if out.stopping.is_set():
                    self._hand_back(letter)
                else:
                    sender.send(letter)
            except Exception:
                log.exception("message %d was left to its lease", letter.message_id)
                self._let_go(letter.message_id)
        sender.close()
        with self._lock:
            self.sent += sender.sent

    def _next(self, sender: Sender) -> Letter | None:
        """Return the next letter, None at the end. Who must wait for one settles first."""
        try:
            return self._letters.get_nowait()
        except Empty:
            sender.settle()
            return self._letters.get()

    def _hand_back(self, letter: Letter) -> None:
        self._writer.write(hand_back, [letter.message_id], [letter.lease_token])
        self._let_go(letter.message_id)

    def _let_go(self, message_id: int) -> None:
        with self._lock:
            self.held.pop(message_id, None)

    def _note_breaker(self) -> None:
        """Tell the other processes when the breaker has changed."""
        breaker = self.out.breaker
        if breaker.failures == breaker.noted:
            return
        now, failures = self.out.clock(), breaker.failures
        self._writer.write(channels.note, failures, breaker.open_until, breaker.reason, now)
        breaker.noted = failures

    def _keep_house(self) -> None:
        moment = time.monotonic()
        if moment - self._collected >= COLLECT_EVERY or not self._collected:
            self._collected = moment
            prepare(self.out)
            self._note_breaker()
            self.out.beat(f"sending, {len(self.held)} in flight")
        with self._lock:
            tokens = set(self.held.values())
        if tokens and moment - self._renewed >= self.out.lease.total_seconds() / 6:
            self._renewed = moment
            self._writer.write(renew, tokens, self.out.lease)


def dispatch(out: Outbound) -> str:
    """Dispatch once, unless sending is held because the clock jumped."""
    jump = out.jump()
    if abs(jump) > LARGEST_JUMP:
        hours = jump.total_seconds() / 3600
        _write(out.app, channels.hold, HoldReason.CLOCK_JUMPED, out.clock(), f"{hours:+.1f}")
    if _read(out.app, channels.is_held):
        return "held: the clock jumped"
    return Run(out).go()


def prepare(out: Outbound) -> None:
    """Free old leases, close what is too late, and turn due reminders into messages."""
    now = out.clock()
    _write(out.app, _recover, now, out.policy)
    for step in (expire, collect):
        while _write(out.app, step, now):
            if out.stopping.is_set():
                return


def _read(app: Flask, what: Callable[[Session], Result]) -> Result:
    with app.app_context():
        try:
            return what(db.session())
        finally:
            db.session.remove()


def _recover(session: Session, now: datetime, policy: Policy) -> None:
    recover(session, now, policy)  # no row leaves the session


def _write(
    app: Flask,
    write: Callable[Concatenate[Session, Params], Result],
    *args: Params.args,
    **kwargs: Params.kwargs,
) -> Result:
    """Run `write` with a session and these arguments in a transaction of its own."""
    with writing(app) as session:
        return write(session, *args, **kwargs)
