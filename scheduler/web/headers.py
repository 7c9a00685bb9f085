"""Security headers on every answer: nothing inline, nothing foreign, no framing, nothing kept of signed-in pages.

An interface that needs less sets its own header first; these only fill what is missing.
"""

from __future__ import annotations

from flask import Flask, Response, current_app, request

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",  # Bootstrap's style sheet carries its small icons as data: addresses
        "font-src 'self'",
        "connect-src 'self'",
        "frame-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
ACCOUNT = ("/login", "/logout", "/account/")


def register(app: Flask) -> None:
    """Put the headers on every answer."""
    app.after_request(_fill)


def _fill(response: Response) -> Response:
    headers = response.headers
    headers.setdefault("Content-Security-Policy", POLICY)
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Referrer-Policy", "same-origin")
    headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
    if current_app.config["SETTINGS"].https:
        headers.setdefault("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
    if request.path.startswith(ACCOUNT):
        headers["Cache-Control"] = "no-store"  # Flask-Security sets one that browsers may not understand
    else:
        headers.setdefault("Cache-Control", "no-store")
    return response
