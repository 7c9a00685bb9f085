"""Interfaces without a user: the clock, which looks for due rows, and the worker, which runs long work (`Job` rows)."""

from __future__ import annotations

import click
from flask import Flask, current_app
from flask.cli import with_appcontext

from scheduler.clock import now
from scheduler.database import begin_write, db
from scheduler.processes.worker import run_worker
from scheduler.services.mail import channels, restored


def register(app: Flask) -> None:
    """Add `flask clock` and `flask worker`."""
    app.cli.add_command(clock)
    app.cli.add_command(working)


@click.group("clock", invoke_without_command=True)
@click.pass_context
def clock(context: click.Context) -> None:
    """Run the clock: reminders, mails, what runs out. One process is enough; several share the work."""
    if context.invoked_subcommand is None:
        from scheduler.processes.clock_process import run_clock  # noqa: PLC0415  (APScheduler, which no other command needs)

        app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]  # threads need the app itself
        run_clock(app)


@clock.command("agree")
@with_appcontext
def agree() -> None:
    """Let sending go on after a jump of the machine's clock or a restore has been looked at."""
    begin_write(db.session())
    if restored.is_unfinished(db.session().connection()):
        raise click.ClickException(restored.UNFINISHED.words())
    held = channels.release(db.session(), now())
    db.session.commit()
    click.echo("sending resumed" if held else "sending was not held")


@click.command("worker")
@with_appcontext
def working() -> None:
    """Run the worker: imports that were asked for by the API. One process is enough; several share the work."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]  # as above
    run_worker(app)
