"""The keys that sign what a page hands out and takes back."""

from __future__ import annotations

from flask import current_app

from config import Settings


def keys() -> tuple[str, ...]:
    """Return the keys: the first signs, all are accepted."""
    settings: Settings = current_app.config["SETTINGS"]
    return (settings.secret_key, *settings.secret_key_fallbacks)
