"""Door: the commands under `flask`, one file per group."""

from __future__ import annotations

from flask import Flask


def register(app: Flask) -> None:
    """Add every command."""
