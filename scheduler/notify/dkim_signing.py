"""Sign mail (DKIM, RFC 6376), for a clinic whose relay does not.

All headers are signed (RFC 8058 asks it of List-Unsubscribe) but two that some relays write again, such as Amazon's.
Those that a reader sees are listed once more than they occur, so that adding another one breaks the signature.
"""

from __future__ import annotations

from email.message import Message
from email.parser import BytesHeaderParser
from email.policy import compat32

import dkim

from config import DkimKey

RELAXED = (b"relaxed", b"relaxed")  # a relay may fold headers again and change spaces
SEALED = ("from", "to", "subject", "reply-to", "content-type")
OF_RELAYS = ("message-id", "date")


def signed(key: DkimKey, content: bytes) -> bytes:
    """Return the mail with a signature before its headers."""
    headers: Message = BytesHeaderParser(policy=compat32).parsebytes(content)
    names = [name for name in map(str.lower, headers) if name not in OF_RELAYS]
    signature: bytes = dkim.sign(
        content,
        key.selector.encode("ascii"),
        key.domain.encode("ascii"),
        key.pem,
        canonicalize=RELAXED,
        include_headers=[name.encode("ascii") for name in (*names, *SEALED)],
    )
    return signature + content
