"""Interface: FHIR R4B (4.3.0), read-only: read and search of what a clinic schedules; one file per kind of resource.

Tokens and permissions are the API's. Objects of other clinics answer like objects that do not exist; a search for
them finds nothing. Every error is an OperationOutcome.
"""

from __future__ import annotations

from flask import Flask, request

from scheduler.fhir import outcomes, routes, shown
from scheduler.http import access, bearer
from scheduler.services.account.permissions import require

OPEN = "fhir.metadata"  # the capability statement needs no token


def register(app: Flask) -> None:
    """Add the interface to the app."""
    app.extensions["csrf"].exempt(routes.bp)  # a token in a header is never sent by a browser on its own
    app.register_blueprint(routes.bp)
    access.declare(app, shown.SHOWS)


@routes.bp.before_request
def _authorize() -> None:
    if request.endpoint != OPEN:
        bearer.authenticate()
        require(bearer.caller(), "view")


outcomes.answer_errors(routes.bp)
