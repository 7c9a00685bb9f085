"""`flask web`: the web server."""

from __future__ import annotations

import click
from flask import Flask, current_app
from flask.cli import with_appcontext

from config import Settings
from scheduler.database import db
from scheduler.http import server


@click.command("web")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", type=click.IntRange(1, 65535), help="Default: PORT.")
@click.option("--workers", type=click.IntRange(1, 64), help="Number of processes. Default: WEB_CONCURRENCY.")
@with_appcontext
def web(host: str, port: int | None, workers: int | None) -> None:
    """Serve pages, API and feeds until SIGTERM or Ctrl-C."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]  # the server needs the app itself
    settings: Settings = app.config["SETTINGS"]
    port = port or settings.port
    try:
        listening = server.listen(host, port)
    except OSError as error:
        raise click.ClickException(f"{host}, port {port}, cannot be used: {error.strerror}") from None
    db.engine.dispose()  # the processes are forked: none may share a connection that the check of the schema opened
    server.serve(app, listening, workers or settings.web_concurrency)
