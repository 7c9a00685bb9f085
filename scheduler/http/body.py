"""How large a request may be: one table by path, asked by the server while a body arrives and by Flask before a view.

The server refuses what is too large before it is stored; Flask refuses it once more, because tests, and an operator
with another WSGI server, have only Flask in front of a view.
"""

from __future__ import annotations

import re

from flask import Flask, request
from werkzeug.exceptions import RequestEntityTooLarge

PAGE = 100_000  # bytes: the longest form of a page is far below this
API = 1_000_000
PROTOCOL = 400_000  # the text of a protocol file, percent-encoded; too long a one is refused in words
IMPORT_PAGE = 21_000_000  # a file of 20 MB in a multipart form
IMPORT_API = 50_000_000  # the same file, quoted as JSON
LARGER = (
    (re.compile(r"/settings/imports/?"), IMPORT_PAGE),
    (re.compile(r"/settings/protocols/?"), PROTOCOL),
    (re.compile(r"/api/v1/imports/patients/?"), IMPORT_API),
    (re.compile(r"/(?:api|fhir)/.*", re.DOTALL), API),
)
LARGEST = IMPORT_API
MOST_PARTS = 1000  # fields of a form


def limit(path: str) -> int:
    """Return how many bytes the body of a request for this path may have."""
    return next((bytes_ for pattern, bytes_ in LARGER if pattern.fullmatch(path)), PAGE)


def register(app: Flask) -> None:
    """Bound every request. Register this before anything that reads a body."""
    app.before_request(_bound)


def read() -> None:
    """Read the whole body now, within its limits. Raises RequestEntityTooLarge or BadRequest."""
    request.get_data()  # cached: a form is read from it afterwards


def _bound() -> None:
    most = limit(request.path)
    request.max_content_length = most + 1
    request.max_form_memory_size = most
    request.max_form_parts = MOST_PARTS
    length = request.content_length
    if length is None and request.environ.get("wsgi.input_terminated"):
        length = len(request.get_data())  # chunked: werkzeug would cut what is too long, and not refuse it
    if length is not None and length > most:
        raise RequestEntityTooLarge
