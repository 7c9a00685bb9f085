"""Encryption of what the database holds for a short time and must not reveal: mails with private links, password links.

AES-256-GCM with a key derived from SECRET_KEY, so a stolen database or backup opens no link. The first key encrypts;
every key decrypts.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MAGIC = b"seriate1"
PURPOSE = b"seriate stored content"
NONCE = 12


class WrongKey(Exception):
    """None of the keys encrypted this, or it was altered."""


def encrypt(keys: Sequence[str], content: bytes) -> bytes:
    """Return the content encrypted with the first key."""
    nonce = secrets.token_bytes(NONCE)
    return MAGIC + nonce + _cipher(keys[0]).encrypt(nonce, content, MAGIC)


def decrypt(keys: Sequence[str], stored: bytes) -> bytes:
    """Return the content; what an earlier version stored in clear comes back as it is. Raises WrongKey."""
    if not stored.startswith(MAGIC):
        return stored
    nonce, encrypted = stored[len(MAGIC) : len(MAGIC) + NONCE], stored[len(MAGIC) + NONCE :]
    for key in keys:
        try:
            return _cipher(key).decrypt(nonce, encrypted, MAGIC)
        except InvalidTag:
            continue
    raise WrongKey


def encrypt_values(keys: Sequence[str], values: dict[str, str]) -> str:
    """Return the values as text that a JSON column can hold."""
    return b64encode(encrypt(keys, json.dumps(values).encode())).decode()


def decrypt_values(keys: Sequence[str], stored: str | dict[str, Any]) -> dict[str, Any]:
    """Return the values; a dictionary was stored in clear by an earlier version. Raises WrongKey."""
    if isinstance(stored, dict):
        return stored
    try:
        values: dict[str, Any] = json.loads(decrypt(keys, b64decode(stored)))
    except ValueError:
        raise WrongKey from None
    return values


def _cipher(key: str) -> AESGCM:
    return AESGCM(hmac.digest(key.encode(), PURPOSE, hashlib.sha256))
