"""Door: the clock, a process of its own whose ticks look for due rows."""

from __future__ import annotations

import click
from flask import Flask, current_app

from scheduler.jobs.process import run_clock


def register(app: Flask) -> None:
    """Add `flask clock`."""
    app.cli.add_command(clock)


@click.command("clock")
def clock() -> None:
    """Run the clock: reminders, mails, what runs out. One process is enough; several share the work."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]  # threads need the app itself
    run_clock(app)
