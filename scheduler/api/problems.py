"""Refusals as problem details (RFC 9457): one JSON shape for every error, with a stable `code`.

`type` is the address of the page that explains the code. Lists that belong to a refusal (`errors`, `conflicts`,
`reasons`, `violations`, `suggestions`, `changes`, `requirements` ...) stand beside it.
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time
from typing import Any

from flask import Blueprint, Flask, Response, current_app, g, request
from werkzeug.exceptions import HTTPException

from scheduler.errors import Refusal
from scheduler.http.problems import Answers

PREFIX = "/api/"
MEDIA_TYPE = "application/problem+json"
HTTP_CODES = {
    400: "bad-request",
    404: "not-found",
    405: "method-not-allowed",
    413: "too-large",
    414: "too-long",
    415: "not-json",
    431: "too-long",
    500: "internal",
}


class NotJson(Refusal):
    """The body is not sent as JSON."""

    code, status, title = "not-json", 415, "The body must be application/json"


class BadJson(Refusal):
    """The body says it is JSON and is not."""

    code, status, title = "bad-json", 400, "The body is not valid JSON"


def answer_errors(blueprint: Blueprint) -> None:
    """Answer every error of the API as a problem."""
    Answers(_refusal, _http, _fault).register(blueprint)


def answer_unrouted(app: Flask) -> None:
    """Answer addresses and methods that the API does not have; for them Flask knows no blueprint."""
    for code in (404, 405):
        app.register_error_handler(code, _unrouted)


def problem(
    status: int, code: str, title: str, detail: str, details: dict[str, Any] | None = None
) -> Response:
    """Return the answer for an error."""
    public_url = current_app.config["SETTINGS"].public_url
    body = {
        "type": f"{public_url}/api/docs/problems#{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "code": code,
        **(details or {}),
    }
    text = json.dumps(body, ensure_ascii=False, default=_plain)
    return Response(text, status, mimetype=MEDIA_TYPE)


def _plain(value: object) -> str | list[Any]:
    """Return what JSON cannot hold as text; an instant as everywhere, with the clinic's offset; a set in order."""
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, datetime):
        zone = g.actor.clinic.zone if "actor" in g else UTC
        return value.astimezone(zone).isoformat()
    if isinstance(value, date | time):
        return value.isoformat()
    raise TypeError(f"a refusal holds a {type(value).__name__}")


def _refusal(refusal: Refusal) -> Response:
    return problem(refusal.status, refusal.code, refusal.title, refusal.words, refusal.details)


def _http(error: HTTPException) -> Response:
    status = error.code or 500
    response = problem(status, HTTP_CODES.get(status, f"http-{status}"), error.name, error.description or "")
    if status == 405 and (allowed := getattr(error, "valid_methods", None)):
        response.headers["Allow"] = ", ".join(allowed)
    return response


def _fault() -> Response:
    return problem(500, "internal", "Internal error", "Nothing was changed.")


def _unrouted(error: HTTPException) -> Any:
    if request.path.startswith(PREFIX):
        return _http(error)
    pages = current_app.error_handler_spec[None][None].get(HTTPException)
    return pages(error) if pages else error
