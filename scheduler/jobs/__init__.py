"""Door: the clock, a process of its own whose ticks look for due rows."""

from __future__ import annotations

import click
from flask import Flask, current_app

from scheduler.clock import now
from scheduler.database import begin_write, db
from scheduler.jobs.process import run_clock
from scheduler.services import channels


def register(app: Flask) -> None:
    """Add `flask clock`."""
    app.cli.add_command(clock)


@click.group("clock", invoke_without_command=True)
@click.pass_context
def clock(context: click.Context) -> None:
    """Run the clock: reminders, mails, what runs out. One process is enough; several share the work."""
    if context.invoked_subcommand is None:
        app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]  # threads need the app itself
        run_clock(app)


@clock.command("agree")
def agree() -> None:
    """Let sending go on after the machine's clock jumped and has been looked at."""
    begin_write(db.session())
    held = channels.release(db.session(), now())
    db.session.commit()
    click.echo("sending goes on" if held else "sending was not held")
