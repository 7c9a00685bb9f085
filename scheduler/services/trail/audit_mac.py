"""The MAC that each audit event carries from the moment it is written.

The chain is linked seconds later by another process. Without a MAC of its own, a row that was put into the table in
between by SQL would be linked as if the application had written it. The nonce, unique in the table, makes the MAC of a
copied row worthless as well.

The key is derived from SECRET_KEY and travels with the engine, so that no transaction can write an event without it.
"""

from __future__ import annotations

import hmac
import json
import secrets
from collections.abc import Iterable
from datetime import UTC
from hashlib import sha256
from typing import Any

from scheduler.models.audit_event import AuditEvent

PURPOSE = b"seriate audit event"
OPTION = "audit_key"  # of the engine: the key of new events


def engine_option(secret_key: str) -> dict[str, bytes]:
    """Return the execution option with which an engine can write events."""
    return {OPTION: event_key(secret_key)}


def event_key(secret_key: str) -> bytes:
    """Return the key of events that belongs to a secret key of the installation."""
    return hmac.new(secret_key.encode(), PURPOSE, sha256).digest()


def mac_of(row: AuditEvent, key: bytes) -> str:
    """Return the MAC over everything that is fixed when the event is written."""
    text = json.dumps([row.nonce, *content(row)], ensure_ascii=True, separators=(",", ":"))
    return hmac.new(key, text.encode(), sha256).hexdigest()


def is_genuine(row: AuditEvent, keys: Iterable[bytes]) -> bool:
    """Tell whether the application has written the event, with one of these keys."""
    given = row.mac or ""
    return any(hmac.compare_digest(given, mac_of(row, key)) for key in keys)


def content(row: AuditEvent) -> list[Any]:
    """Return what never changes of an event; of its reason the digest, since the words may be blanked."""
    return [
        row.clinic_id,
        row.at.astimezone(UTC).isoformat(),
        row.user_id,
        row.actor,
        row.event,
        row.object_type,
        row.object_id,
        row.fields,
        row.operation,
        row.address,
        row.reason if row.reason_digest is None else row.reason_digest,
        row.token_id,
        row.session_id,
    ]


def sign(row: AuditEvent, key: bytes) -> None:
    """Give a new event its MAC."""
    row.nonce = secrets.token_hex(12)
    row.mac = mac_of(row, key)
