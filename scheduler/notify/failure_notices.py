"""Read notices that a mail was not delivered, in the forms in which mail servers write them.

First the machine-readable report (RFC 3464, RFC 6533), in which Action decides; then X-Failed-Recipients; then the
forms that flufl.bounce knows (qmail, Exim, Exchange, Yahoo, ...); then a status or a reply code in the text. All but
the first count only in a mail that a mail server wrote, so that a person who quotes a notice is not misread.
"""

from __future__ import annotations

import logging
import re
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage, Message
from email.parser import HeaderParser
from email.utils import getaddresses, parseaddr
from itertools import chain, islice

from flufl.bounce import all_failures

from scheduler.notify import received

REPORTS = ("message/delivery-status", "message/global-delivery-status")
RETURNED = ("message/rfc822", "message/global", "text/rfc822-headers", "message/global-headers")
STATUS = re.compile(r"(?<![\d.])([45]\.\d{1,3}\.\d{1,3})(?![\d.]*\d)")
REPLY = re.compile(r"(?<![\d.])([45][0-5]\d)(?=[ \-:,)]|$)", re.MULTILINE)
SERVERS = re.compile(
    r"^(mailer[-_.]?daemon|post(master|office)|mail[-_.]?(delivery|system|daemon|admin)|microsoftexchange|daemon|mdaemon|"
    r"mmdf|uucp|smtp|mailgateway|delivery)|mailer-?daemon|delivery (sub)?system|system administrator",
    re.IGNORECASE,
)
FAILED_SUBJECT = re.compile(
    r"undeliver|(returned|failed|bounced) (mail|message)|^(returned mail|returning|bounce)|"
    r"delivery.{0,30}(fail|status|report|error)|(fail|error|not).{0,20}deliver|failure notice|"
    r"mail(er)? (failure|error|delivery)|message you sent|user unknown|address error|"
    r"non.?delivery|não entregue|unzustellbar",
    re.IGNORECASE,
)
DELAYED = re.compile(
    r"warning|will (be )?(retr|attempt|keep|continue)|delayed|"
    r"do(es)? not (need|have) to (resend|do anything)|no action is required",
    re.IGNORECASE,
)
GIVEN_UP = re.compile(r"giv(en|ing) up|permanent (fatal )?error", re.IGNORECASE)
NOT_DELIVERED = re.compile(r"(could|can)(not| not) be delivered|giv(en|ing) up", re.IGNORECASE)
REPLIED = re.compile(r"^\s*(re|fwd?|aw|wg|rv|out of office|automatic reply)\s*:", re.IGNORECASE)
LONGEST_TEXT = 20_000
MOST_BLOCKS = 100  # of delivery reports
FAILED, DELAYED_ACTION, DELIVERED = "failed", "delayed", "delivered"
log = logging.getLogger(__name__)
logging.getLogger("flufl.bounce").setLevel(logging.CRITICAL)  # it logs every form that it tries


@dataclass(frozen=True, slots=True)
class FailureNotice:
    """What a notice says. `action` is failed, delayed or delivered; `status` is 5.1.1, 550 or empty."""

    action: str
    status: str
    diagnosis: str
    addresses: tuple[str, ...]


def read_notice(mail: EmailMessage, content: bytes) -> FailureNotice | None:
    """Return what a mail says of the delivery of another one, None if it is no such notice."""
    blocks = chain.from_iterable(map(_blocks, mail.walk()))
    found = [notice for notice in map(_of_block, islice(blocks, MOST_BLOCKS)) if notice is not None]
    for action in (FAILED, DELAYED_ACTION, DELIVERED):
        for notice in found:
            if notice.action == action:
                return notice
    return _of_text(mail, content) if written_by_a_server(mail) else None


def written_by_a_server(mail: EmailMessage) -> bool:
    """Tell whether a mail server wrote this mail: a null sender, a server's name, or the subject of a notice."""
    subject = str(mail.get("Subject", ""))
    if REPLIED.match(subject) or str(mail.get("Auto-Submitted", "")).lower().startswith("auto-notified"):
        return False
    null = str(mail.get("Return-Path", "")).strip() == "<>"
    name, address = parseaddr(str(mail.get("From", "")))
    by_server = bool(SERVERS.search(address) or SERVERS.search(name))
    is_report = mail.get_content_type() == "multipart/report"
    return (
        by_server or is_report or bool(FAILED_SUBJECT.search(subject)) or (null and _speaks_of_failure(mail))
    )


def notice_text(mail: EmailMessage) -> str:
    """Return what the server wrote, without the mail that it returns."""
    texts = [
        received.text_of(part)
        for part in _own_parts(mail)
        if part.get_content_maintype() == "text" and part.get_content_type() not in RETURNED
    ]
    return "\n".join(texts)[:LONGEST_TEXT]


def _own_parts(part: Message) -> Iterator[Message]:
    if part.get_content_type() in RETURNED:
        return
    if not part.is_multipart():
        yield part
        return
    for inner in part.get_payload():
        if isinstance(inner, Message):
            yield from _own_parts(inner)


def _blocks(part: Message) -> Iterator[Message]:
    """Give the groups of fields of a delivery report, the first of which is about the message as a whole."""
    if part.get_content_type() not in REPORTS:
        return
    payload = part.get_payload()
    parts = payload[:MOST_BLOCKS] if isinstance(payload, list) else []
    text = "\n\n".join(str(inner) for inner in parts) if parts else str(payload)
    if str(part.get("Content-Transfer-Encoding", "")).lower() == "base64":
        text = b64decode(text, validate=False).decode("utf-8", "replace")
    for block in re.split(r"\r?\n[ \t]*\r?\n", text):
        if block.strip():
            yield HeaderParser().parsestr(block.lstrip())


def _of_block(block: Message) -> FailureNotice | None:
    status = STATUS.search(str(block.get("Status", "")))
    action = str(block.get("Action", "")).strip().lower().partition(" ")[0]
    recipient = str(block.get("Final-Recipient") or block.get("Original-Recipient") or "")
    if not action and not status:
        return None
    if action in ("failure", "error", "undeliverable"):  # as some servers write it
        action = FAILED
    if action not in (FAILED, DELAYED_ACTION):
        by_status = FAILED if status and status[1].startswith("5") else DELAYED_ACTION
        action = DELIVERED if action or status is None else by_status
    diagnosis = " ".join(str(block.get("Diagnostic-Code", "")).split())
    known = status[1] if status else _status_in(diagnosis)
    if known.endswith(".0.0"):  # says nothing; the server's reply may say more
        known = _status_in(diagnosis) or known
    address = recipient.partition(";")[2].strip().strip("<>")
    return FailureNotice(action, known, diagnosis, (address,) if address else ())


def _of_text(mail: EmailMessage, content: bytes) -> FailureNotice | None:
    text = notice_text(mail)
    subject = str(mail.get("Subject", ""))
    status = _status_in(text)
    failed = [
        address for _, address in getaddresses([str(one) for one in mail.get_all("X-Failed-Recipients", [])])
    ]
    if failed:
        final = not (DELAYED.search(subject) or status.startswith("4"))
        return FailureNotice(FAILED if final else DELAYED_ACTION, status, text, tuple(failed))
    try:
        temporary, permanent = all_failures(message_from_bytes(content[: received.LONGEST_TEXT]))
    except Exception:
        log.info("flufl.bounce cannot read a notice", exc_info=True)
        temporary, permanent = frozenset(), frozenset()
    if permanent or temporary:
        found = tuple(sorted(one.decode("utf-8", "replace") for one in permanent or temporary))
        return FailureNotice(FAILED if permanent else DELAYED_ACTION, status, text, found)
    if not status and not NOT_DELIVERED.search(text):
        return None
    waits = bool(DELAYED.search(f"{subject}\n{text}"))
    not_delivered = status.startswith("5") or bool(NOT_DELIVERED.search(text))
    final = bool(GIVEN_UP.search(text)) or (not waits and not_delivered)
    return FailureNotice(FAILED if final else DELAYED_ACTION, status, text, ())


def _status_in(text: str) -> str:
    found = STATUS.search(text) or REPLY.search(text)
    return found[1] if found else ""


def _speaks_of_failure(mail: EmailMessage) -> bool:
    return "X-Failed-Recipients" in mail or bool(FAILED_SUBJECT.search(notice_text(mail)[:2000]))
