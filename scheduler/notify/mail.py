"""A mail as bytes, built from parts: each header once, one recipient, nothing a name could break out of.

multipart/alternative of plain text, HTML and, for one visit, the invitation (RFC 6047); several visits come as an
attached file without METHOD. Marked as automatic (RFC 3834), so that no vacation program answers.
"""

from __future__ import annotations

from base64 import encodebytes
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.headerregistry import Address, HeaderRegistry
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from functools import cache


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
    """iCalendar bytes; `method` makes it an invitation, without one it is a file."""

    content: bytes
    method: str | None = None
    file_name: str = "calendar.ics"


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
    calendar: CalendarPart | None = None
    more_headers: Mapping[str, str] = field(default_factory=dict)


def as_bytes(mail: Mail) -> bytes:
    """Return the mail with CRLF line ends, the same bytes for the same mail."""
    # an address with other characters than ASCII needs a server with SMTPUTF8 (RFC 6531) and headers to match
    policy = POLICY if mail.recipient.isascii() else WITH_UTF8
    message = EmailMessage(policy=policy)
    message["From"] = _address(mail.sender)
    message["To"] = _address(mail.recipient)
    if mail.reply_to:
        message["Reply-To"] = _address(mail.reply_to)
    message["Subject"] = mail.subject
    message["Date"] = format_datetime(mail.dated_at)
    message["Message-ID"] = mail.message_id
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    for name, value in mail.more_headers.items():
        message[name] = value
    message.set_content(mail.text, cte="quoted-printable")
    message.add_alternative(mail.html, subtype="html", cte="quoted-printable")
    invitation = mail.calendar if mail.calendar and mail.calendar.method else None
    if invitation:
        message.attach(_calendar_part(invitation))
    elif mail.calendar:
        message.make_mixed(boundary=_boundary(mail, "mixed"))
        message.attach(_calendar_part(mail.calendar))
    _fix_boundaries(message, mail)
    return message.as_bytes()


def message_id(public_id: str, sender: str) -> str:
    """Return the Message-ID of a message row: the same at every try."""
    return f"<{public_id}@{parseaddr(sender)[1].rpartition('@')[2]}>"


def _calendar_part(calendar: CalendarPart) -> EmailMessage:
    part = EmailMessage(policy=POLICY)
    method = f"; method={calendar.method}" if calendar.method else ""
    part["Content-Type"] = f'text/calendar; charset="utf-8"{method}'
    part["Content-Transfer-Encoding"] = "base64"
    if not calendar.method:
        part["Content-Disposition"] = f'attachment; filename="{calendar.file_name}"'
    part.set_payload(encodebytes(calendar.content).decode("ascii"))
    return part


def _fix_boundaries(message: EmailMessage, mail: Mail) -> None:
    """Give the parts boundaries of their own: random ones would make every rendering differ."""
    for number, part in enumerate(message.walk()):
        if part.is_multipart() and part.get_boundary() is None:
            part.set_boundary(_boundary(mail, str(number)))


def _boundary(mail: Mail, name: str) -> str:
    return f"=_{mail.message_id.partition('@')[0].strip('<')}_{name}"


def _address(text: str) -> Address:
    name, address = parseaddr(text)
    return Address(display_name=name, addr_spec=address)
