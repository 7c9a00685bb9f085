"""Private addresses are kept out of logs: a reader of logs must not be able to open a calendar or a patient's page,
to choose someone's password, or to read whom the desk looked for.

It works on every record of every logger (our own, Flask's, the web server's, werkzeug's), because an address can
turn up in any of them; a filter on one logger would be forgotten on the next.
"""

from __future__ import annotations

import logging
import re
from typing import Any

SECRET = re.compile(
    r"(/(?:feeds|visits|account/password|account/invitations/by-mail)/"  # a private address
    r"|\b(?:search|name|given|family|email|phone|birthdate|who|to)(?:=|%3D)"  # whom someone looked for
    r"|\bseriate_)"  # an API token
    r"[^\s/?&\"'#]+"
)
HIDDEN = r"\1[hidden]"


def redact(text: str) -> str:
    """Return the text with tokens, and what people typed to find someone, hidden."""
    return SECRET.sub(HIDDEN, text)


def install() -> None:
    """Let every log record of this process be redacted. Doing it twice is doing it once."""
    if not isinstance(logging.getLogRecordFactory(), _Redacting):
        logging.setLogRecordFactory(_Redacting(logging.getLogRecordFactory()))


class _Redacting:
    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def __call__(self, *args: Any, **kwargs: Any) -> logging.LogRecord:
        record: logging.LogRecord = self.inner(*args, **kwargs)
        try:
            message = record.getMessage()
        except (TypeError, ValueError, KeyError):
            return record  # a wrong call of the logger, which logging reports itself
        hidden = redact(message)
        if hidden != message:
            record.msg, record.args = hidden, ()
        return record
