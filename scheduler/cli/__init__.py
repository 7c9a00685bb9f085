"""Door: the commands under `flask`, one file per group."""

from __future__ import annotations

from flask import Flask

from scheduler.cli import plans, tokens, users


def register(app: Flask) -> None:
    """Add every command."""
    for group in (plans.group, users.group, tokens.group):
        app.cli.add_command(group)
