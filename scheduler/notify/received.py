"""Parse mail that anyone may have written, so that no mail takes more than moderate time or memory.

The parsers of the standard library take quadratic time for some inputs: a long header, an unclosed tag, many parts in
one another. So a mail is looked at before it is parsed, and one that no mail program writes is not parsed at all.
Everything here is linear in what is left.
"""

from __future__ import annotations

import codecs
import re
from email import message_from_bytes
from email.message import EmailMessage, Message
from email.parser import BytesHeaderParser
from email.policy import compat32, default
from html import unescape

LARGEST = 1_000_000  # bytes that are read of a mail; what follows is the rest of an attachment
LONGEST_TEXT = 200_000  # bytes that are read of a text in it
MOST_LINES = 30_000
MOST_BOUNDARIES = 300  # lines that may divide two parts
MOST_PARTS = 100
LONGEST_HEADER = 10_000  # bytes
LONGEST_CONTENT_HEADER, CONTENT_HEADERS = 2_000, 40_000  # of one that describes a part, and of all of them
HEADER = re.compile(rb"^([A-Za-z0-9_-]{1,80})[ \t]*:.*(?:\n[ \t].*)*", re.MULTILINE)
TAG_OR_TEXT = re.compile(r"<(/?[a-zA-Z]+)[^<>]*>|<[!?/][^<>]*>|[^<]+|<")
HIDDEN = ("style", "script", "title")
BREAKS = ("br", "p", "div", "tr", "li", "blockquote")
SLOW_CHARSETS = ("punycode", "idna", "unicode_escape", "raw_unicode_escape", "undefined")


class Unreadable(Exception):
    """A mail that is not parsed."""


def parse(content: bytes) -> EmailMessage:
    """Return the parsed mail. Raises Unreadable."""
    content = content[:LARGEST]
    if (
        content.count(b"\n") + content.count(b"\r") > 2 * MOST_LINES
        or content.count(b"\n--") + content.count(b"\r--") > MOST_BOUNDARIES
        or content.lower().count(b"content-type") > MOST_PARTS
        or _has_long_headers(content)
    ):
        raise Unreadable
    return message_from_bytes(content, _class=EmailMessage, policy=default)


def head(content: bytes) -> tuple[str, str]:
    """Return From and Subject as they can be read of a mail that is not parsed; empty where they cannot."""
    try:
        raw = BytesHeaderParser(policy=compat32).parsebytes(content[:LONGEST_HEADER])
        return str(raw.get("From", "")), str(raw.get("Subject", ""))
    except Exception:  # any fault of the parser: the mail is kept without
        return "", ""


def text_of(part: Message) -> str:
    """Return the text of a part, of HTML what it shows, one line for each block."""
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes):
        return ""
    text = payload[:LONGEST_TEXT].decode(_charset(part), "replace")
    return without_tags(text) if part.get_content_subtype() == "html" else text


def without_tags(text: str) -> str:
    """Return what HTML shows, one line for each block."""
    found: list[str] = []
    hidden = ""
    for token in TAG_OR_TEXT.finditer(text):
        tag = (token[1] or "").lower()
        if hidden:
            hidden = "" if tag == f"/{hidden}" else hidden
        elif tag in HIDDEN:
            hidden = tag
        elif tag in BREAKS:
            found.append("\n")
        elif (token[0] == "<" or token[0][0] != "<") and token[0].strip():
            found.append(" ".join(unescape(token[0]).split()) + " ")
    return "".join(found).strip()


def _has_long_headers(content: bytes) -> bool:
    of_parts = 0
    for header in HEADER.finditer(content):
        size = len(header[0])
        if size > LONGEST_HEADER:
            return True
        if header[1].lower().startswith(b"content-"):
            of_parts += size
            if size > LONGEST_CONTENT_HEADER or of_parts > CONTENT_HEADERS:
                return True
    return False


def _charset(part: Message) -> str:
    name = str(part.get_content_charset("utf-8"))
    try:
        known = codecs.lookup(name).name
        b"".decode(known)  # refuses what is no encoding of text
    except (LookupError, UnicodeError):
        return "utf-8"
    return "utf-8" if known.replace("-", "_") in SLOW_CHARSETS else known
