"""The keys that sign what a page hands out and accepts again."""

from __future__ import annotations

from flask import current_app

from config import Settings


def keys() -> tuple[str, ...]:
    """Return the keys: the first one signs, all of them verify."""
    settings: Settings = current_app.config["SETTINGS"]
    return settings.signing_keys
