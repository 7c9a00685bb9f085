"""Refusals as OperationOutcome: one issue with a code of FHIR's value set issue-type and words for a person."""

from __future__ import annotations

import json
from typing import Any

from flask import Blueprint, Response
from werkzeug.exceptions import HTTPException

from scheduler.errors import Refusal
from scheduler.http.problems import Answers

MEDIA_TYPE = "application/fhir+json"
ISSUES = {
    400: "invalid",
    401: "login",
    403: "forbidden",
    404: "not-found",
    405: "not-supported",
    406: "not-supported",
    503: "transient",
}


class BadSearch(Refusal):
    """A search parameter that is unknown, or a value that it cannot have."""

    code, status, title = "invalid", 400, "The search cannot be understood"


class ReadOnly(Refusal):
    """A method that would change something."""

    code, status, title = "method-not-allowed", 405, "FHIR is read-only here; changes go through /api/v1"


class NotAcceptable(Refusal):
    """The caller wants another format than JSON."""

    code, status, title = "not-acceptable", 406, "Only application/fhir+json is supported"


def answer_errors(blueprint: Blueprint) -> None:
    """Answer every error of the interface as an OperationOutcome."""
    Answers(_refusal, _http, _fault).register(blueprint)


def answer(document: dict[str, Any], status: int = 200) -> Response:
    """Return a resource as an answer."""
    return Response(
        json.dumps(document, ensure_ascii=False), status, content_type=f"{MEDIA_TYPE}; charset=utf-8"
    )


def outcome(status: int, words: str) -> Response:
    """Return the answer for an error."""
    issue = {"severity": "error", "code": ISSUES.get(status, "exception"), "details": {"text": words}}
    return answer({"resourceType": "OperationOutcome", "issue": [issue]}, status)


def _refusal(refusal: Refusal) -> Response:
    response = outcome(refusal.status, refusal.words)
    if refusal.status == 405:
        response.headers["Allow"] = "GET, HEAD, OPTIONS"
    return response


def _http(error: HTTPException) -> Response:
    return outcome(error.code or 500, error.description or error.name)


def _fault() -> Response:
    return outcome(500, "Internal error.")
