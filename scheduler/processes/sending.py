"""One connection at work: offer, sending check, content, record, for one letter after another.

Each runs in its own thread. A letter is offered to the server (everything that can be refused before the content), then
passes its sending check in the database, then its content is sent. If the sending check cannot be committed, nothing is
sent. If the result cannot be recorded although it is tried for a while, the lease runs out and the end counts as
unclear.

A result is on its way to the disk while the next letter is offered; it must have arrived before that one's content
leaves. So a connection never has more than one result that is not recorded.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Concatenate, ParamSpec, Protocol

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from scheduler.notify.breaker import Breaker
from scheduler.notify.faults import DeliveryPhase, SendFault, Verdict
from scheduler.notify.smtp import Envelope
from scheduler.processes.group_commit import GroupCommit, PendingWrite
from scheduler.services.mail.delivery import accepted, failed, pass_sending_check, refused_by_sending_check
from scheduler.services.mail.leases import hand_back
from scheduler.services.mail.letters import Letter
from scheduler.services.mail.message_ends import Policy

Params = ParamSpec("Params")
RECORD_TRIES = 6
SERVER_TROUBLE = (Verdict.CHANNEL, Verdict.PAUSE)
log = logging.getLogger(__name__)


class MailConnection(Protocol):
    """A way to a person: what notify.smtp.Connection does."""

    def offer(self, envelope: Envelope) -> None: ...
    def deliver(self, content: bytes) -> str: ...
    def close(self) -> None: ...
    def drop(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Result:
    """How a letter ended, on its way to the disk."""

    message_id: int
    record: PendingWrite


class Sender:
    """Sends letters over one connection, which it opens when there is something to send."""

    def __init__(
        self,
        connect: Callable[[], MailConnection],
        writer: GroupCommit,
        breaker: Breaker,
        policy: Policy,
        clock: Callable[[], datetime],
        let_go: Callable[[int], None],
    ) -> None:
        self._connect, self._writer, self._breaker = connect, writer, breaker
        self._policy, self._clock, self._let_go = policy, clock, let_go
        self._channel: MailConnection | None = None
        self._unsettled: Result | None = None
        self.sent = 0

    def send(self, letter: Letter) -> None:
        """Bring one claimed letter to its end for now, and let go of it once that is recorded."""
        if not self._breaker.allows(self._clock()):
            self._record(letter, hand_back, [letter.message_id], [letter.lease_token])
            return
        try:
            reply = self._attempt(letter)
        except SendFault as fault:
            self._note(fault)
            self._record(letter, failed, letter, fault, self._clock(), self._policy)
            return
        if reply is None:
            self._let_go(letter.message_id)
            return
        self.sent += 1
        self._breaker.succeeded()
        self._record(letter, accepted, letter, reply, self._clock())

    def settle(self) -> None:
        """Wait until the last letter's result is recorded; try again for a while if it cannot be."""
        result, self._unsettled = self._unsettled, None
        if result is None:
            return
        try:
            self._see_to(result)
        finally:
            self._let_go(result.message_id)

    def close(self) -> None:
        self.settle()
        if self._channel is not None:
            self._channel.close()
            self._channel = None

    def _attempt(self, letter: Letter) -> str | None:
        """Return the server's reply, None when the sending check was shut. Raises SendFault."""
        channel = self._offered(Envelope(letter.envelope_sender, letter.recipient))
        self.settle()
        if not self._writer.write(_pass_or_close, letter, self._clock()):
            return None
        return channel.deliver(letter.content)

    def _offered(self, envelope: Envelope) -> MailConnection:
        fresh = self._channel is None
        channel = self._channel = self._channel or self._connect()
        try:
            channel.offer(envelope)
        except SendFault as fault:
            if fresh or fault.phase is not DeliveryPhase.SENDER or fault.verdict is not Verdict.CHANNEL:
                raise
            channel.drop()  # the server has hung up between two mails, as servers do
            channel = self._channel = self._connect()
            channel.offer(envelope)
        return channel

    def _note(self, fault: SendFault) -> None:
        """Keep the connection only where the server has answered properly; tell the breaker of its trouble."""
        if self._channel is not None and (fault.code in (0, 421) or fault.verdict is Verdict.UNCLEAR):
            self._channel.drop()
            self._channel = None
        if fault.verdict in SERVER_TROUBLE:
            needs_a_person = fault.verdict is Verdict.PAUSE
            self._breaker.failed(self._clock(), str(fault), needs_a_person=needs_a_person)

    def _record(
        self,
        letter: Letter,
        record: Callable[Concatenate[Session, Params], None],
        *args: Params.args,
        **kwargs: Params.kwargs,
    ) -> None:
        self.settle()
        self._unsettled = Result(letter.message_id, self._writer.submit(record, *args, **kwargs))

    def _see_to(self, result: Result) -> None:
        record = result.record
        for attempt in range(RECORD_TRIES):
            try:
                record.future.result()
            except SQLAlchemyError:
                log.exception("a result could not be recorded (try %d)", attempt + 1)
                time.sleep(0.2 * 2**attempt)
                record = self._writer.submit(record.write, *record.args, **record.kwargs)
            else:
                return
        log.error("a result could not be recorded: its lease will expire")


def _pass_or_close(session: Session, letter: Letter, now: datetime) -> bool:
    """Let the letter through the sending check, or close it. Returns whether its content may be sent."""
    if pass_sending_check(session, letter, now):
        return True
    refused_by_sending_check(session, letter, now)
    return False
