"""The Flask app, put together: settings, database, clock, then one interface after the other."""

from __future__ import annotations

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from config import ROOT, Settings, load, pin_zones
from scheduler import cli, migrating, processes, redaction, safe_start, schema
from scheduler.clock import Clock
from scheduler.database import db, engine_options
from scheduler.http import access, body, compression, password_hashing, static_files
from scheduler.services.trail import audit_mac
from scheduler.storage import StorageWatch
from scheduler.transactions import repeat_writes


def create_app(settings: Settings | None = None, *, interfaces: bool = True) -> Flask:
    """Return the app for these settings (those of the environment unless given). Raises ConfigError.

    Without `interfaces` it has only the commands, the clock and the worker, and starts in half the time.
    """
    pin_zones()
    settings = settings or load()
    redaction.install()
    app = Flask(
        "scheduler",
        root_path=str(ROOT / "scheduler"),
        instance_path=str(settings.instance_path),
        template_folder=str(ROOT / "templates"),
    )
    app.logger.setLevel(settings.log_level)
    safe_start.make_folder(settings)
    safe_start.check(settings)
    app.config.update(settings.flask_config())
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {
        **engine_options(app.config["SQLALCHEMY_DATABASE_URI"]),
        "execution_options": audit_mac.engine_option(settings.secret_key),
    }
    app.extensions["clock"] = Clock(settings.clock_file)
    app.extensions["storage"] = StorageWatch(app)
    db.init_app(app)
    access.watch_templates(app)
    if interfaces:
        migrating.init_app(app)
        _add_interfaces(app)
    else:
        migrating.register(app)
        password_hashing.init_app(app)
    for part in (processes, cli):
        part.register(app)
    schema.guard(app)
    if interfaces:
        repeat_writes(app)
        access.note_before_sending(app)
    if settings.trusted_proxies:  # only so many addresses from the right of X-Forwarded-For are believed
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops)  # type: ignore[method-assign]
    with app.app_context():
        safe_start.refuse_demo_data(settings, db.engine)
    return app


def _add_interfaces(app: Flask) -> None:
    """Add pages, API, FHIR and feeds."""
    from scheduler import api, feeds, fhir, patient_pages, web  # noqa: PLC0415  (half of a command's start)

    compression.register(app)
    static_files.register(app)
    body.register(app)
    schema.watch(app)
    for interface in (web, api, fhir, feeds, patient_pages):
        interface.register(app)
