"""Interface: the HTTP API, version 1; one file per resource.

Problems are problems.py's, tokens http/bearer.py's, the way of every call operations.py's, the document openapi.py's.
"""

from __future__ import annotations

from flask import Flask

from scheduler.api import (
    appointment_steps,
    appointment_time,
    appointments,
    audit,
    availability,
    care_plan_lists,
    care_plans,
    closures,
    courses_ahead,
    delays,
    feeds,
    imports,
    jobs,
    merging,
    messages,
    notes,
    openapi,
    openings,
    patient_requests,
    patients,
    places,
    plan_definitions,
    problems,
    proposals,
    protocol_change,
    reminders,
    replans,
    reports,
    requirements,
    schedules,
    settings,
    shown,
    tasks,
    tokens,
    waitlist,
)
from scheduler.api.operations import bp
from scheduler.http import access, bearer

RESOURCES = (
    appointment_steps,
    appointment_time,
    appointments,
    audit,
    availability,
    care_plan_lists,
    care_plans,
    closures,
    courses_ahead,
    delays,
    feeds,
    requirements,
    imports,
    jobs,
    merging,
    messages,
    notes,
    openings,
    patient_requests,
    patients,
    places,
    plan_definitions,
    proposals,
    protocol_change,
    reminders,
    replans,
    reports,
    schedules,
    settings,
    tasks,
    tokens,
    waitlist,
)  # importing them hangs their calls in


def register(app: Flask) -> None:
    """Add the interface to the app."""
    app.extensions["csrf"].exempt(bp)  # a token in a header is never sent by a browser on its own
    app.register_blueprint(bp)
    access.declare(app, shown.SHOWS)
    openapi.register(app)
    problems.answer_unrouted(app)


bp.before_request(bearer.authenticate)
problems.answer_errors(bp)
