"""Signed texts that a browser or a mail carries: HMAC-SHA-256 by itsdangerous, each use under a salt of its own."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from itsdangerous import URLSafeSerializer


def serializer(keys: Sequence[str], salt: str) -> URLSafeSerializer:
    """Return what signs with the first key and accepts all of them."""
    newest_last = list(reversed(keys))  # itsdangerous signs with the last
    return URLSafeSerializer(newest_last, salt=salt, signer_kwargs={"digest_method": sha256})
