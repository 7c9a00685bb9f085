"""`flask demo load`: fill an empty database with a made-up clinic. Only where APP_ENV is demo or test."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from flask import current_app
from flask.cli import with_appcontext

from config import Settings
from scheduler import clock
from scheduler.cli.output import json_option, say, writing
from scheduler.database import db
from scheduler.models import clinic as clinics

if TYPE_CHECKING:
    from scheduler.demo.clinic import Account
    from scheduler.demo.load import Loaded

STEPS = 1000


@click.command("load")
@click.option(
    "--seed", type=click.IntRange(0), default=1, show_default=True, help="Seed of the fictional history."
)
@click.option(
    "--patients", type=click.IntRange(1, 2000), default=72, show_default=True, help="How many patients."
)
@json_option
@with_appcontext
def load(seed: int, patients: int, as_json: bool) -> None:
    """Fill an empty database with a clinic whose past and future lie around today."""
    _require_demo()
    with writing():
        if existing := clinics.every(db.session()):
            keys = ", ".join(clinic.key for clinic in existing)
            raise click.ClickException(
                f"The database has a clinic already ({keys}); the demo needs an empty one."
            )
        from scheduler.demo.mails import one_of_each  # noqa: PLC0415  (as below)

        loaded = _played(seed, patients, as_json)
        settings: Settings = current_app.config["SETTINGS"]
        signing = settings.signing_keys
        one_of_each(db.session(), loaded.clinic, clock.now(), settings.public_url, signing)
        file = _keep(loaded.accounts)
    passwords = {account.email: account.password for account in loaded.accounts}
    values = {"clinic": loaded.clinic.key, "counts": loaded.counts, "passwords": passwords, "file": str(file)}
    say(_described(loaded, file), values, as_json=as_json)


def _require_demo() -> None:
    app_env = current_app.config["SETTINGS"].app_env
    if app_env not in ("demo", "test"):
        raise click.ClickException(f"APP_ENV is {app_env}: fictional patients are only for demo and test.")


def _played(seed: int, patients: int, as_json: bool) -> Loaded:
    from scheduler.demo.load import play  # noqa: PLC0415  (no other command needs what the demo imports)

    if as_json:
        return play(db.session(), clock.now(), seed, patients, lambda _: None)
    with click.progressbar(length=STEPS, label="Creating eleven weeks of clinic history") as bar:
        return play(
            db.session(), clock.now(), seed, patients, lambda part: bar.update(int(part * STEPS) - bar.pos)
        )


def _keep(accounts: Sequence[Account]) -> Path:
    """Write the sign-ins where only this user can read them."""
    file = Path(current_app.instance_path) / "demo-credentials.txt"
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    text = "".join(f"{account.email}  {account.password}\n" for account in accounts)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
        stream.write(text)
    return file


def _described(loaded: Loaded, file: Path) -> str:
    counts = ", ".join(f"{number} {what}" for what, number in loaded.counts.items())
    lines = [f"{loaded.clinic.name} is ready: {counts}.", "Sign in with:"]
    width = max(len(account.email) for account in loaded.accounts)
    lines += [f"  {account.email:{width}}  {account.password}" for account in loaded.accounts]
    return "\n".join([*lines, f"These are stored in {file}."])
