"""The key with which a browser encrypts what its user has typed and not saved yet (js/drafts.js).

It is the same for every session of the user in the clinic, so that a draft outlives a session. No one else gets it:
what is left in the browser of a shared computer cannot be read after its user has gone.
"""

from __future__ import annotations

import base64
import hashlib
import hmac

from scheduler.http.signing import keys
from scheduler.services.actors import Actor


def key_of(viewer: Actor) -> str:
    """Return 256 bits in base64."""
    subject = f"draft:{viewer.clinic.id}:{viewer.user_id}".encode()
    return base64.b64encode(hmac.digest(keys()[0].encode(), subject, hashlib.sha256)).decode()
