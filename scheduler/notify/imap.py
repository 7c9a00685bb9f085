"""Read a mailbox by IMAP (RFC 3501) without changing anything in it: unread mail stays unread for people."""

from __future__ import annotations

import imaplib
import logging
import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from config import MailServer

WAIT = 60  # seconds for an answer
TROUBLE = (OSError, imaplib.IMAP4.error)
log = logging.getLogger(__name__)


class FetchRefused(imaplib.IMAP4.error):
    """The server does not give one mail, and the connection goes on."""


@contextmanager
def inbox(server: MailServer) -> Iterator[imaplib.IMAP4]:
    """Open the INBOX, read-only, until the block ends. Raises TROUBLE."""
    context = ssl.create_default_context()
    if server.security == "tls":
        mailbox: imaplib.IMAP4 = imaplib.IMAP4_SSL(
            server.host, server.port, ssl_context=context, timeout=WAIT
        )
    else:
        mailbox = imaplib.IMAP4(server.host, server.port, timeout=WAIT)
    try:
        if server.security == "starttls":
            mailbox.starttls(context)
        mailbox.login(server.username or "", server.password or "")
        mailbox.select("INBOX", readonly=True)
        yield mailbox
    finally:
        try:
            mailbox.logout()
        except TROUBLE:
            log.info("the connection to the mailbox ended early")
            mailbox.shutdown()


def uid_validity(mailbox: imaplib.IMAP4) -> int:
    _, found = mailbox.response("UIDVALIDITY")
    if not found or found[0] is None:
        raise imaplib.IMAP4.error("the server names no UIDVALIDITY")
    return int(found[0])


def search(mailbox: imaplib.IMAP4, criteria: str) -> list[int]:
    """Return the UIDs of the mails that match."""
    answer, found = mailbox.uid("SEARCH", criteria)
    if answer != "OK":
        raise imaplib.IMAP4.error(f"the server refuses to search: {answer}")
    return [int(one) for line in found if line for one in line.split()]


def fetch(mailbox: imaplib.IMAP4, uid: int, most: int) -> bytes | None:
    """Return the first bytes of a mail, at most so many; None if it has been deleted. Raises FetchRefused."""
    try:
        answer, parts = mailbox.uid("FETCH", str(uid), f"(BODY.PEEK[]<0.{most}>)")
    except imaplib.IMAP4.abort:
        raise
    except imaplib.IMAP4.error as bad:
        raise FetchRefused(f"the server refuses to give mail {uid}") from bad
    if answer != "OK":
        raise FetchRefused(f"the server refuses to give mail {uid}: {answer}")
    for part in parts:
        if isinstance(part, tuple) and re.search(rb"\bBODY\[\]", part[0]):
            return bytes(part[1])
    return None
