"""`flask demo mail`: the mail server of the demo and of tests, which keeps what it gets."""

from __future__ import annotations

import asyncio

import click
from flask import current_app

from config import Settings
from scheduler.clock import Clock
from scheduler.demo.mail_catcher import catch, folder_of


@click.command("mail")
def mail() -> None:
    """Catch mail at SMTP_URL for the mailbox page, until stopped."""
    settings: Settings = current_app.config["SETTINGS"]
    if settings.app_env == "production":
        raise click.ClickException("APP_ENV is production: email is really sent there.")
    if settings.smtp.security != "plain":
        raise click.ClickException("SMTP_URL must be smtp:// on this machine.")
    clock: Clock = current_app.extensions["clock"]
    click.echo(f"catching mail on port {settings.smtp.port}")
    asyncio.run(catch(folder_of(settings.instance_path), settings.smtp.host, settings.smtp.port, clock.now))
