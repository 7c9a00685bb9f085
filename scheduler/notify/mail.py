"""A mail as bytes, built from parts: each header once, one recipient, nothing a name could break out of.

multipart/alternative of plain text, HTML and, where it is the only one, the invitation (RFC 6047). Several invitations,
or a file without METHOD, are attached. Marked as automatic (RFC 3834), so that no vacation program answers.

The library writes the headers that people read, wherever there is something to encode or to fold. Its message object
is not used: it takes a millisecond a mail, and writes a long address on the web as encoded words (RFC 2047), which
mail programs do not read in List-Unsubscribe.
"""

from __future__ import annotations

import re
from base64 import encodebytes
from binascii import b2a_qp
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.headerregistry import Address, HeaderRegistry
from email.policy import SMTP, EmailPolicy
from email.utils import format_datetime, parseaddr
from functools import cache, lru_cache
from typing import Any

FOLD_AFTER = 78  # RFC 5322, 2.1.1
LONGEST_LINE = 998
PLAIN_ADDRESS = re.compile(r"[\w!#$%&'*+/=?^`{|}~-]+(?:\.[\w!#$%&'*+/=?^`{|}~-]+)*@[\w-]+(?:\.[\w-]+)*")
CRLF = b"\r\n"
AUTOMATIC = b"Auto-Submitted: auto-generated\r\nX-Auto-Response-Suppress: All\r\n"


class Headers(HeaderRegistry):
    """The library's headers, with the class of each made once instead of for every header of every mail."""

    @cache  # noqa: B019  (there is one registry, as long as the process)
    def __getitem__(self, name: str) -> type:
        kind: type = super().__getitem__(name)
        return kind


POLICY = SMTP.clone(header_factory=Headers())
WITH_UTF8 = POLICY.clone(utf8=True)


@dataclass(frozen=True, slots=True)
class CalendarPart:
    """iCalendar bytes; `method` makes it an invitation or a withdrawal, a file name an attachment."""

    content: bytes
    method: str | None = None
    file_name: str = ""


@dataclass(frozen=True, slots=True)
class Mail:
    """Everything that a mail consists of."""

    sender: str
    recipient: str
    subject: str
    text: str
    html: str
    dated_at: datetime
    message_id: str
    reply_to: str = ""
    calendars: tuple[CalendarPart, ...] = ()
    more_headers: Mapping[str, str] = field(default_factory=dict)


def as_bytes(mail: Mail) -> bytes:
    """Return the mail with CRLF line ends, the same bytes for the same mail."""
    # an address with other characters than ASCII needs a server with SMTPUTF8 (RFC 6531) and headers to match
    policy = POLICY if mail.recipient.isascii() else WITH_UTF8
    headers = [
        _kept_address("From", mail.sender, policy),
        _address("To", mail.recipient, policy),
        _kept_address("Reply-To", mail.reply_to, policy) if mail.reply_to else b"",
        _words("Subject", mail.subject, policy),
        _exact("Date", format_datetime(mail.dated_at), policy),
        _exact("Message-ID", mail.message_id, policy),
        AUTOMATIC,
        *(_exact(name, value, policy) for name, value in mail.more_headers.items()),
        b"MIME-Version: 1.0\r\n",
    ]
    return b"".join([*headers, _body(mail)])


def message_id(public_id: str, sender: str) -> str:
    """Return the Message-ID of a message row: the same at every try."""
    return f"<{public_id}@{parseaddr(sender)[1].rpartition('@')[2]}>"


def _body(mail: Mail) -> bytes:
    parts = [_text_part(mail.text, "plain"), _text_part(mail.html, "html")]
    calendars = [_calendar_part(one) for one in mail.calendars]
    if not any(one.file_name for one in mail.calendars):
        return _multipart("alternative", _boundary(mail, "0"), [*parts, *calendars])
    both = _multipart("alternative", _boundary(mail, "1"), parts)
    return _multipart("mixed", _boundary(mail, "mixed"), [both, *calendars])


def _text_part(text: str, subtype: str) -> bytes:
    head = f'Content-Type: text/{subtype}; charset="utf-8"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n'
    lines = b"".join(line + CRLF for line in text.encode().splitlines())
    return head.encode() + b2a_qp(lines, istext=True)


def _calendar_part(calendar: CalendarPart) -> bytes:
    method = f"; method={calendar.method}" if calendar.method else ""
    head = f'Content-Type: text/calendar; charset="utf-8"{method}\r\nContent-Transfer-Encoding: base64\r\n'
    if calendar.file_name:
        head += f'Content-Disposition: attachment; filename="{calendar.file_name}"\r\n'
    return head.encode() + CRLF + encodebytes(calendar.content).replace(b"\n", CRLF)


def _multipart(subtype: str, boundary: bytes, parts: Iterable[bytes]) -> bytes:
    """Join parts. No line of theirs can be the boundary: neither of their encodings writes its first two signs."""
    head = b'Content-Type: multipart/%s; boundary="%s"\r\n\r\n' % (subtype.encode(), boundary)
    return head + b"".join(b"--%s\r\n%s\r\n" % (boundary, part) for part in parts) + b"--%s--\r\n" % boundary


def _boundary(mail: Mail, name: str) -> bytes:
    """Return a boundary of the mail's own: a random one would make every rendering differ."""
    return f"=_{mail.message_id.partition('@')[0].strip('<')}_{name}".encode("ascii")


def _address(name: str, text: str, policy: EmailPolicy[Any]) -> bytes:
    # the library refuses other letters before the @ even where the policy allows them
    if PLAIN_ADDRESS.fullmatch(text) and (policy.utf8 or text.isascii()) and _fits(name, text, FOLD_AFTER):
        return f"{name}: {text}\r\n".encode()
    called, address = parseaddr(text)
    if not address:  # Python before 3.11.4 fails with IndexError
        raise ValueError(f"the header {name} holds no address")
    return _folded(name, Address(display_name=called, addr_spec=address), policy)


_kept_address = lru_cache(maxsize=64)(_address)  # of the clinic: the same in all mails


def _words(name: str, text: str, policy: EmailPolicy[Any]) -> bytes:
    """Return a header for people; the library encodes and folds what is not a short line of plain words already."""
    plain = text.isascii() and text.isprintable() and "=?" not in text and text == " ".join(text.split())
    if plain and _fits(name, text, FOLD_AFTER):
        return f"{name}: {text}\r\n".encode("ascii")
    return _folded(name, text, policy)


def _exact(name: str, value: str, policy: EmailPolicy[Any]) -> bytes:
    """Return a header for programs as it is: an address on the web or an id is neither folded nor encoded."""
    if value.isascii() and value.isprintable() and _fits(name, value, LONGEST_LINE):
        return f"{name}: {value}\r\n".encode("ascii")
    return _folded(name, value, policy)


def _fits(name: str, value: str, most: int) -> bool:
    return len(f"{name}: {value}") <= most


def _folded(name: str, value: str | Address, policy: EmailPolicy[Any]) -> bytes:
    """Let the library write a header. Raises ValueError for what would begin a line of its own."""
    return policy.fold_binary(*policy.header_store_parse(name, value))
