"""Compress pages on their way out, where their length cannot be used to guess what is in them.

BREACH reads a secret out of the lengths of compressed pages: the attacker lets the reader's browser ask for a page with
a guess in its address, again and again, and watches the network. So a page with what only its reader may see is not
compressed when another site led to it (Sec-Fetch-Site), and its length gets up to 99 random bytes, as Django's does.
"""

from __future__ import annotations

import gzip
import io
import secrets

from flask import Flask, Response, request

SMALLEST = 1000  # bytes: below, the saving is not worth it
PAGES = frozenset({"text/html", "text/css"})
OWN_REQUESTS = frozenset({"same-origin", "none"})  # by one of our pages, or by the user: typed, a bookmark
BY_KEY = frozenset({"patient_pages"})  # whose address is the key: no attacker can let a browser ask for one


def register(app: Flask) -> None:
    """Compress the answers. Call it first: what is registered first sees the answer last."""
    app.after_request(_compress)


def _compress(response: Response) -> Response:
    if response.mimetype not in PAGES or response.is_streamed or response.direct_passthrough:
        return response
    if response.content_encoding or request.method == "HEAD" or request.endpoint == "static":
        return response
    response.vary.update(("Accept-Encoding", "Sec-Fetch-Site"))
    is_own = request.headers.get("Sec-Fetch-Site") in OWN_REQUESTS or request.blueprint in BY_KEY
    whole = response.get_data()
    if not is_own or len(whole) <= SMALLEST or not request.accept_encodings["gzip"]:
        return response
    packed = io.BytesIO()
    padding = "x" * secrets.randbelow(100)  # the name of a file in the head of gzip, which readers ignore
    with gzip.GzipFile(padding, "wb", 6, packed, mtime=0) as file:
        file.write(whole)
    response.set_data(packed.getvalue())
    response.content_encoding = "gzip"
    return response
