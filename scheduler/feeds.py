"""Door: private calendar feeds."""

from __future__ import annotations

from flask import Flask


def register(app: Flask) -> None:
    """Hang the door in."""
