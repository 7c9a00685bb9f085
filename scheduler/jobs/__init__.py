"""Door: the clock, a process of its own whose ticks look for due rows."""

from __future__ import annotations

import click
from flask import Flask, current_app
from flask.cli import with_appcontext

from scheduler.clock import now
from scheduler.database import begin_write, db
from scheduler.jobs.process import run_clock
from scheduler.services import channels, restored


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
@with_appcontext
def agree() -> None:
    """Let sending go on after a jump of the machine's clock or a restore has been looked at."""
    begin_write(db.session())
    if restored.is_unfinished(db.session().connection()):
        raise click.ClickException(restored.UNFINISHED)
    held = channels.release(db.session(), now())
    db.session.commit()
    click.echo("sending goes on" if held else "sending was not held")
