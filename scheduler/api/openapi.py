"""The OpenAPI 3.1 document, made from the calls, and the page that shows it.

Spectree writes the document; what it does not know is added here: problem details have their own media type, path ids
have a shape, changes heed If-Match, and a POST may carry an Idempotency-Key.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from functools import cache
from typing import Any

from flask import Blueprint, Flask, Response, jsonify, render_template

from scheduler import errors
from scheduler.api import streams
from scheduler.api.fields import ID_PATTERN
from scheduler.api.operations import CALLS, spec
from scheduler.api.problems import MEDIA_TYPE, BadJson, NotJson
from scheduler.errors import Refusal
from scheduler.http.outages import Busy, DatabaseAway, StorageFull
from scheduler.http.problems import Unauthenticated
from scheduler.services.waitlist.answering import AlreadyTaken

docs = Blueprint("api_docs", __name__, url_prefix="/api")
CHANGING = ("post", "put", "patch", "delete")
IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "pattern": '^"[0-9]{1,9}"$'},
    "description": "The ETag of the version that was read; 412 if it has changed since.",
}
IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[ -~]*[!-~][ -~]*$"},
    "description": "A repeated request with the same key within 24 hours returns the first response.",
}
ONCE = " A repeated response has null for {fields}, which are shown once and not stored, and says so in `notice`."


def register(app: Flask) -> None:
    """Hang in the document and the pages that show it; they need no token."""
    app.register_blueprint(docs)


@docs.get("/v1/openapi.json")
def document() -> Response:
    """Return the OpenAPI document."""
    return jsonify(openapi())


@docs.get("/docs")
def page() -> str:
    """Show the document, to read and to try."""
    return render_template("api/docs.html")


@docs.get("/docs/problems")
def problems() -> str:
    """Explain every code with which the API refuses."""
    return render_template("api/problems.html", kinds=kinds())


def kinds() -> list[type[Refusal]]:
    """Return every kind of refusal, by code."""
    own = [AlreadyTaken, BadJson, Busy, DatabaseAway, NotJson, StorageFull, Unauthenticated]
    shared = [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, Refusal) and kind is not Refusal
    ]
    return sorted([*own, *shared], key=lambda kind: kind.code)


@cache
def openapi() -> dict[str, Any]:
    """Return the whole document."""
    described: dict[str, Any] = copy.deepcopy(spec.spec)
    for path in described["paths"].values():
        for method, operation in path.items():
            _complete(method, operation)
    return described


def _complete(method: str, operation: dict[str, Any]) -> None:
    call = CALLS[operation["operationId"]]
    operation["description"] = f"{operation['description']}\n\nNeeds the permission `{call.may}`.".strip()
    for parameter in operation["parameters"]:
        if parameter["in"] == "path":
            is_id = parameter["name"].endswith("_id")
            pattern = ID_PATTERN if is_id else "^[0-9a-z-]{1,60}$"
            parameter["schema"] = {"type": "string", "pattern": pattern}
    if call.versioned and method in CHANGING:
        operation["parameters"].append(IF_MATCH)
    if call.idempotent:
        operation["parameters"].append(_repeating(call.secrets))
    if "requestBody" in operation:
        operation["requestBody"]["required"] = True
    for status, answer in operation["responses"].items():
        if int(status) >= 400 and "content" in answer:
            answer["content"] = {MEDIA_TYPE: answer["content"].pop("application/json")}
    if call.listed:
        row = operation["responses"]["200"]["content"]["application/json"]["schema"]
        operation["responses"]["200"]["content"][streams.MEDIA_TYPE] = {"schema": _row_of(row)}
    if call.versioned and method == "get":
        operation["responses"]["304"] = {"description": "Not changed since the ETag of If-None-Match."}


def _repeating(secrets: Sequence[str]) -> dict[str, Any]:
    if not secrets:
        return IDEMPOTENCY_KEY
    fields = " and ".join(f"`{name}`" for name in secrets)
    return IDEMPOTENCY_KEY | {"description": f"{IDEMPOTENCY_KEY['description']}{ONCE.format(fields=fields)}"}


def _row_of(page: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of one row of a page, which is a line of the streamed list."""
    name = page["$ref"].rpartition("/")[2]
    row: dict[str, Any] = spec.spec["components"]["schemas"][name]["properties"]["items"]["items"]
    return copy.deepcopy(row)
