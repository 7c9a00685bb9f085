"""`flask mail ...`: incoming mail, handed in by a mail server."""

from __future__ import annotations

import sys

import click
from flask.cli import AppGroup

from scheduler import clock
from scheduler.cli.output import writing
from scheduler.database import db
from scheduler.services.patient.incoming_mail import receive as take_in

group = AppGroup("mail", help="Incoming mail: bounces, calendar answers and replies.")


@group.command("receive")
def receive() -> None:
    """Take one mail from standard input, as a mail server's alias or filter hands it over."""
    content = sys.stdin.buffer.read()
    with writing():
        what = take_in(db.session(), content, clock.now())
    click.echo(what)
