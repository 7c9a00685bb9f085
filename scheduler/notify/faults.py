"""What a failed attempt means: whose trouble it is, and whether the mail may have been delivered anyway.

The classes follow the phase in which it failed. Before the final dot nothing has been delivered for certain; after it,
silence proves nothing (RFC 1047).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

ENHANCED = re.compile(r"^([245])\.(\d{1,3})\.(\d{1,3})\b")  # RFC 3463
FULL_STATUS = re.compile(r"\b[245]\.(\d{1,3})\.(\d{1,3})\b")
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


class FailureClass(StrEnum):
    """Why a server does not deliver a mail, whether it says so in the connection or in a notice later."""

    ADDRESS = "address"  # there is no such mailbox
    MAILBOX = "mailbox"  # it is full or closed, perhaps for now
    POLICY = "policy"  # our server, domain or signature is refused, not the recipient
    OTHER = "other"


# Enhanced status codes without their first digit (RFC 3463): the exact one first, then the subject alone.
_CLASSES = {
    "1": FailureClass.ADDRESS,
    "1.7": FailureClass.POLICY,  # 1.7 to 1.9 are about the sender's address
    "1.8": FailureClass.POLICY,
    "1.9": FailureClass.POLICY,
    "2": FailureClass.MAILBOX,
    "7": FailureClass.POLICY,
}
_PHRASES = (  # for replies without a status that says anything
    (
        re.compile(
            r"block(ed|list)|black.?list|spam|dnsbl|\brbl\b|reputation|policy|dmarc|dkim|\bspf\b|unauthenticated|"
            r"not (allowed|permitted|authorized)|relay",
            re.IGNORECASE,
        ),
        FailureClass.POLICY,
    ),
    (re.compile(r"\bfull\b|quota|over.?limit|insufficient storage", re.IGNORECASE), FailureClass.MAILBOX),
    (
        re.compile(
            r"(user|recipient|mailbox|address|account|addressee|name)\b.{0,40}"
            r"(unknown|not (found|known|exist|listed|valid)|n't (exist|have)|does not exist|invalid|no longer)|no such|"
            r"(unknown|invalid|nonexist\w+|bad) "
            r"(or \w+ )?(local|user|recipient|address|mailbox|account)|no mailbox|not our customer",
            re.IGNORECASE,
        ),
        FailureClass.ADDRESS,
    ),
)


def failure_class(status: str, text: str = "") -> FailureClass:
    """Return the class of a failure from its enhanced status, or from the server's words if that says nothing."""
    found = FULL_STATUS.search(status)
    if found and found[1] != "0":
        return _CLASSES.get(f"{found[1]}.{found[2]}") or _CLASSES.get(found[1], FailureClass.OTHER)
    for phrase, meaning in _PHRASES:
        if phrase.search(text):
            return meaning
    return FailureClass.OTHER


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
    status = ENHANCED.match(reply)
    why = failure_class(status[0] if status else "", reply)
    if why is FailureClass.MAILBOX:
        return Verdict.RETRY
    unexplained = status is None and why is FailureClass.OTHER and code in NO_SUCH_MAILBOX
    if phase is DeliveryPhase.RECIPIENT and (why is FailureClass.ADDRESS or unexplained):
        return Verdict.BAD_ADDRESS
    return Verdict.REFUSED
