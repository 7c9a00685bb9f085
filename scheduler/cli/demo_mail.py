"""`flask demo mail`: the mail server of the demo and of tests, which keeps what it gets."""

from __future__ import annotations

import asyncio
import signal

import click
from flask import current_app

from config import Settings
from scheduler.clock import Clock
from scheduler.demo.mail_catcher import folder_of, serve


@click.command("mail")
def mail() -> None:
    """Catch mail at SMTP_URL for the mailbox page, until stopped."""
    settings: Settings = current_app.config["SETTINGS"]
    if settings.app_env == "production":
        raise click.ClickException("APP_ENV is production: mail is sent there, not caught.")
    if settings.smtp.security != "plain":
        raise click.ClickException("SMTP_URL must be smtp:// on this machine.")
    asyncio.run(_catch(settings, current_app.extensions["clock"]))


async def _catch(settings: Settings, clock: Clock) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    folder = folder_of(settings.instance_path)
    click.echo(f"catching mail on port {settings.smtp.port}")
    await serve(folder, settings.smtp.host, settings.smtp.port, clock.now, stopping)
