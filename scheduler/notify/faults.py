"""What a failed attempt means: whose trouble it is, and whether the mail may have been delivered anyway.

The classes follow the phase in which it failed. Before the final dot nothing has been delivered for certain; after it,
silence proves nothing (RFC 1047).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

ENHANCED = re.compile(r"^([245])\.(\d{1,3})\.(\d{1,3})\b")  # RFC 3463
NO_SUCH_MAILBOX = frozenset({550, 551, 553})
ADDRESSES = re.compile(r"[^\s<>\"]+@[^\s<>\"]+")
LONGEST_REPLY = 300


class DeliveryPhase(StrEnum):
    """How far the attempt had come."""

    CONNECT = "connect"
    TLS = "tls"
    LOGIN = "login"
    SENDER = "sender"
    RECIPIENT = "recipient"
    DATA = "data"
    CONTENT = "content"


class Verdict(StrEnum):
    """What to do about it."""

    CHANNEL = "channel"  # the server is in trouble: the row waits, unharmed
    PAUSE = "pause"  # our own settings are wrong (password, certificate): a person must look
    RETRY = "retry"  # this row again later
    BAD_ADDRESS = "bad-address"  # the mailbox does not exist
    REFUSED = "refused"  # the server will never take it
    UNCLEAR = "unclear"  # it may have been delivered


@dataclass(eq=False)
class SendFault(Exception):
    """A failed attempt. `reply` is the server's, or what the network said."""

    phase: DeliveryPhase
    verdict: Verdict
    code: int = 0
    reply: str = ""

    def __str__(self) -> str:
        return f"{self.phase}: {self.code or ''} {redacted(self.reply)}".replace(":  ", ": ").strip()


def redacted(reply: str) -> str:
    """Return a server's reply without the addresses in it, on one line, and not too long."""
    line = " ".join(ADDRESSES.sub("<address>", reply).split())
    return "".join(character for character in line if character.isprintable())[:LONGEST_REPLY]


def refusal(phase: DeliveryPhase, code: int, reply: str) -> SendFault:
    """Return what a reply that is not the hoped-for one means in this phase."""
    return SendFault(phase, _verdict(phase, code, reply), code, reply)


def _verdict(phase: DeliveryPhase, code: int, reply: str) -> Verdict:
    if code == 421 or phase is DeliveryPhase.CONNECT:
        return Verdict.CHANNEL
    permanent = 500 <= code <= 599
    if phase in (DeliveryPhase.TLS, DeliveryPhase.LOGIN, DeliveryPhase.SENDER):
        return Verdict.PAUSE if permanent else Verdict.CHANNEL
    if phase is DeliveryPhase.DATA or not permanent:
        return Verdict.RETRY
    subject = _subject(reply)
    if subject == 2:  # the mailbox is full or shut for now
        return Verdict.RETRY
    if phase is DeliveryPhase.RECIPIENT and (subject == 1 or (subject is None and code in NO_SUCH_MAILBOX)):
        return Verdict.BAD_ADDRESS
    return Verdict.REFUSED


def _subject(reply: str) -> int | None:
    """Return the middle number of an enhanced status code: 1 address, 2 mailbox, 6 content, 7 policy."""
    found = ENHANCED.match(reply)
    return int(found[2]) if found else None
