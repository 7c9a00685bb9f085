"""/healthz and /metrics: for the one who runs it, without a patient's name in either."""

from __future__ import annotations

from datetime import datetime, timedelta

from flask import Blueprint, Response, jsonify
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest
from sqlalchemy import func, select, text
from sqlalchemy.exc import SQLAlchemyError

from scheduler import clock
from scheduler.database import db
from scheduler.models.message import Message
from scheduler.services import wellbeing
from scheduler.services.mail import channels

bp = Blueprint("health", __name__)
CLOCK_SILENT = timedelta(seconds=60)  # twelve missed ticks of 5 s
LATE = timedelta(minutes=10)


@bp.get("/healthz")
def healthz() -> tuple[Response, int]:
    """200 only while database and clock are well; says which is not."""
    found = {"database": _database()}
    found["clock"] = _clock() if found["database"] == "ok" else "unknown"
    well = all(state == "ok" for state in found.values())
    # a mail server that is away is told here, but does not take the pages away
    found["mail"] = (" ".join(_mail_troubles()) or "ok") if found["database"] == "ok" else "unknown"
    return jsonify(status="ok" if well else "unwell", **found), 200 if well else 503


@bp.get("/metrics")
def metrics() -> Response:
    registry = CollectorRegistry()
    now = clock.now()
    messages = Gauge("seriate_messages", "Mails by state", ["state"], registry=registry)
    for state, count in db.session.execute(select(Message.state, func.count()).group_by(Message.state)):
        messages.labels(state=state.value).set(count)
    _gauge(registry, "seriate_due_seconds", "Age of the oldest mail that is due").set(oldest_due(now))
    _gauge(registry, "seriate_mail_troubles", "What keeps mail from leaving").set(len(_mail_troubles()))
    age = clock_age()
    _gauge(registry, "seriate_clock_age_seconds", "Since the clock's last sign of life").set(
        float("inf") if age is None else age
    )
    return Response(generate_latest(registry), mimetype=CONTENT_TYPE_LATEST)


def clock_age() -> float | None:
    """Return the seconds since the clock's last sign of life; None if it never gave one."""
    return wellbeing.clock_age(db.session(), clock.wall())


def oldest_due(now: datetime) -> float:
    """Return the age in seconds of the oldest reminder or mail that is due and still waiting."""
    return wellbeing.waiting(db.session(), now)[1]


def alarms() -> list[str]:
    """Return what the desk must know about the machinery: nothing while all is well."""
    age = clock_age()
    if age is None or age > CLOCK_SILENT.total_seconds():
        return ["Nothing is being sent: the clock process does not run."]
    if oldest_due(clock.now()) > LATE.total_seconds():
        return ["Mail is late: something that was due is still waiting.", *_mail_troubles()]
    return _mail_troubles()


def _mail_troubles() -> list[str]:
    return channels.troubles(db.session(), clock.now())


def _database() -> str:
    try:
        db.session.execute(text("SELECT 1"))
    except SQLAlchemyError:
        db.session.rollback()
        return "away"
    return "ok"


def _clock() -> str:
    age = clock_age()
    if age is None:
        return "has never run"
    return "ok" if age <= CLOCK_SILENT.total_seconds() else f"silent for {age:.0f} s"


def _gauge(registry: CollectorRegistry, name: str, help_text: str) -> Gauge:
    return Gauge(name, help_text, registry=registry)
