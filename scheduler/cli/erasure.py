"""`flask erasure ...`: what erasing leaves in the database's own files."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from scheduler.cli.output import json_option, say
from scheduler.database import db
from scheduler.errors import Refusal
from scheduler.services.patient import compaction

group = AppGroup("erasure", help="What was erased, in the database's files.")


@group.command("compact")
@json_option
def compact(as_json: bool) -> None:
    """Rewrite the tables that hold patients, so that their files keep nothing that was erased.

    Each table is locked while it is rewritten: run it out of hours, for example once a week.
    """
    try:
        done = compaction.compact(db.engine)
    except Refusal as refusal:
        raise click.ClickException(refusal.words) from None
    say(f"rewritten: {', '.join(done)}", {"rewritten": done}, as_json=as_json)
