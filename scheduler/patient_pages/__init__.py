"""Interface: the patient's own page, `/visits/<token>`, without an account.

The token is the credential: no cookie is set or read. GET changes nothing, because mail scanners open every link; an
answer is a POST with a mark that binds it to the visit as it was shown. Everything works without JavaScript.
"""

from __future__ import annotations

from flask import Flask

from scheduler.http import access
from scheduler.patient_pages import (  # noqa: F401  (each import adds its pages)
    address,
    answers,
    calendar,
    check_in,
    fresh_link,
    preferences,
    visits,
    waiting,
)
from scheduler.patient_pages.opening import bp


def register(app: Flask) -> None:
    """Add the interface to the app. Its forms carry marks of their own instead of a session's CSRF token."""
    app.register_blueprint(bp)
    own = access.nothing("the patient's own page, noted by the rule of private links")
    ends = {rule.endpoint for rule in app.url_map.iter_rules() if rule.endpoint.startswith(f"{bp.name}.")}
    access.declare(app, dict.fromkeys(ends, own))
    if "csrf" in app.extensions:
        app.extensions["csrf"].exempt(bp)
