"""Refusals that every interface with tokens gives, and the one way from an error to its answer.

How an answer looks is the interface's own: problem details (RFC 9457) in the API, an OperationOutcome in FHIR.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from flask import Blueprint, Response, current_app
from werkzeug.exceptions import HTTPException, default_exceptions

from scheduler.database import db
from scheduler.errors import Refusal
from scheduler.http import access
from scheduler.http.outages import Outage, noted


class Unauthenticated(Refusal):
    """No token, or none that is in force."""

    code, status, title = "unauthenticated", 401, "A valid API token is needed"


@dataclass(frozen=True)
class Answers:
    """How an interface writes a refusal, an error of HTTP, and a fault of our own."""

    refusal: Callable[[Refusal], Response]
    http: Callable[[HTTPException], Response]
    fault: Callable[[], Response]

    def register(self, blueprint: Blueprint) -> None:
        """Answer every error of a blueprint."""
        blueprint.register_error_handler(Refusal, self._refused)
        blueprint.register_error_handler(Exception, self._broken)
        for code in default_exceptions:
            blueprint.register_error_handler(code, self._http)

    def _refused(self, refusal: Refusal) -> Response:
        db.session.rollback()
        access.refuse(refusal)
        response = self.refusal(refusal)
        if refusal.status == 401:
            response.headers["WWW-Authenticate"] = 'Bearer realm="seriate"'
        if isinstance(refusal, Outage):
            response.headers["Retry-After"] = str(refusal.seconds)
        return response

    def _http(self, error: HTTPException) -> Response:
        db.session.rollback()
        return self.http(error)

    def _broken(self, error: Exception) -> Response:
        if isinstance(error, HTTPException):
            return self._http(error)
        if isinstance(error, Refusal):
            return self._refused(error)
        if outage := noted(error):
            return self._refused(outage)
        db.session.rollback()
        current_app.logger.exception("a request broke", exc_info=error)
        return self.fault()
