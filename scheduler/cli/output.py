"""What commands print: one line for a person, or JSON for a script; a refusal is one line and exit 1."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import click

from scheduler.database import begin_write, db
from scheduler.errors import Refusal

json_option = click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")


def say(line: str, values: Mapping[str, Any], *, as_json: bool) -> None:
    """Print the line, or the values as JSON."""
    click.echo(json.dumps(values, ensure_ascii=False) if as_json else line)


@contextmanager
def writing() -> Iterator[None]:
    """Run a command's work in one writing transaction; a refusal ends the command with its reason."""
    begin_write(db.session())
    try:
        yield
        db.session.commit()
    except Refusal as refusal:
        db.session.rollback()
        raise click.ClickException(refusal.words) from None
