"""/livez, /readyz, /healthz and /metrics: for those who run it, without a patient's name in any.

/livez asks nothing of anybody: a process that answers it need not be restarted. /readyz tells a balancer whether this
process can serve. /healthz tells a monitor whether someone must look, at whichever process.
"""

from __future__ import annotations

import math

from flask import Blueprint, Flask, Response, current_app, jsonify
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest

from scheduler import clock, system_health
from scheduler.database import db
from scheduler.services.mail import send_log
from scheduler.services.signs_of_life import DISPATCH
from scheduler.storage import Storage

bp = Blueprint("health", __name__)


@bp.get("/livez")
def livez() -> Response:
    return jsonify(status="ok")


@bp.get("/readyz")
def readyz() -> tuple[Response, int]:
    """200 while the database answers and has this code's tables."""
    found = system_health.ready(db.session())
    words = {"status": "ok" if found.is_ready else "not ready", "database": found.database}
    return jsonify(**words, schema=found.schema), 200 if found.is_ready else 503


@bp.get("/healthz")
def healthz() -> tuple[Response, int]:
    """200 only while no one must look."""
    found = system_health.look(_app(), db.session(), _storage())
    well = not found.troubles
    return (
        jsonify(
            status="ok" if well else "unwell",
            database=found.database,
            schema=found.schema,
            clock=found.clock,
            worker=found.worker,
            jobs={job.name: job.trouble or "ok" for job in found.jobs},
            storage="; ".join(found.storage.troubles) or "ok",
            mail=found.mail,
        ),
        200 if well else 503,
    )


@bp.get("/metrics")
def metrics() -> Response:
    registry = CollectorRegistry()
    found = system_health.look(_app(), db.session(), _storage())
    _gauge(registry, "seriate_healthy", "1 while /healthz says ok in all that needs a person").set(
        not found.troubles
    )
    _jobs(registry, found)
    free = Gauge("seriate_free_bytes", "Free bytes of a folder's disk", ["folder"], registry=registry)
    for folder, count in found.storage.free.items():
        free.labels(folder=folder).set(count)
    _gauge(registry, "seriate_storage_troubles", "What cannot be written").set(len(found.storage.troubles))
    if found.is_ready:
        messages = Gauge(
            "seriate_messages",
            "Mails that wait, or did not arrive and wait for the desk, by state",
            ["state"],
            registry=registry,
        )
        for state, count in send_log.open_counts(db.session()).items():
            messages.labels(state=state).set(count)
        day = Gauge(
            "seriate_messages_day", "Mails due in the last 24 hours, by state", ["state"], registry=registry
        )
        for state, count in send_log.day_counts(db.session(), clock.now()).items():
            day.labels(state=state).set(count)
        _gauge(registry, "seriate_due_seconds", "Age of the oldest mail that is due").set(found.oldest_due)
        _gauge(registry, "seriate_mail_troubles", "What keeps mail from leaving").set(len(found.channel))
    return Response(generate_latest(registry), mimetype=CONTENT_TYPE_LATEST)


def alarms() -> list[str]:
    """Return what the desk must know about the machinery: nothing while all is well."""
    return system_health.banner(_app(), db.session())


def _jobs(registry: CollectorRegistry, found: system_health.Health) -> None:
    labels = ["job"]
    age = Gauge("seriate_job_age_seconds", "Since the last run of a job", labels, registry=registry)
    late = Gauge("seriate_job_late", "1 when it has missed its interval by 30 s", labels, registry=registry)
    failed = Gauge(
        "seriate_job_failures", "How many clinics its last run failed for", labels, registry=registry
    )
    for job in found.jobs:
        seconds = math.inf if job.age is None else job.age
        age.labels(job=job.name).set(seconds)
        late.labels(job=job.name).set(job.late)
        failed.labels(job=job.name).set(job.failed)
        if job.name == DISPATCH:
            _gauge(
                registry, "seriate_clock_age_seconds", "Since the last run of the job that sends mail"
            ).set(seconds)


def _app() -> Flask:
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]  # it is handed on
    return app


def _storage() -> Storage:
    found: Storage = current_app.extensions["storage"]()
    return found


def _gauge(registry: CollectorRegistry, name: str, help_text: str) -> Gauge:
    return Gauge(name, help_text, registry=registry)
