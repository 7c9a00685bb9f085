"""`flask token ...`: API tokens from the command line."""

from __future__ import annotations

from datetime import timedelta

import click
from flask.cli import AppGroup

from scheduler import clock
from scheduler.cli.clinic_option import chosen, clinic_option, commander
from scheduler.cli.output import json_option, say, writing
from scheduler.database import db
from scheduler.models import user as users
from scheduler.services.account import accounts
from scheduler.services.mail import account_notices

group = AppGroup("token", help="API tokens.")


@group.command("create")
@click.option("--user", "email", required=True, help="The email address of the account the token acts for.")
@click.option("--name", required=True, help="Purpose of the token.")
@click.option(
    "--scope", "scopes", multiple=True, help="A permission that it has; may be repeated (default: all)."
)
@click.option(
    "--days", type=click.IntRange(1, 3650), default=365, show_default=True, help="Days until the token ends."
)
@clinic_option
@json_option
def create(
    email: str,
    name: str,
    scopes: tuple[str, ...],
    days: int,
    clinic_key: str | None,
    as_json: bool,
) -> None:
    """Make an API token for any member and print it, this once. The member is notified by mail."""
    with writing():
        actor = commander(chosen(db.session(), clinic_key))
        user = users.by_email(db.session(), email)
        if user is None:
            raise click.ClickException(f"there is no account {email}")
        now = clock.now()
        ends = now + timedelta(days=days)
        token, text = accounts.create_token(db.session(), actor, user, name, now, ends, scopes or None)
        account_notices.token_made(db.session(), token, now)
        values = {
            "token": text,
            "id": token.public_id,
            "name": token.name,
            "clinic": actor.clinic.key,
            "expires_at": ends.isoformat(timespec="seconds"),
        }
    say(text, values, as_json=as_json)
