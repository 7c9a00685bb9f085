"""The cookie by which a browser is known for the accounts that have signed in in it. It opens nothing.

Anyone who knows it only has a throttle of their own (`services.account.throttles`), so it outlives the session.
"""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, current_app, g, request

from config import Settings
from scheduler.clock import Clock
from scheduler.database import db
from scheduler.models.user import User
from scheduler.services.account import throttles


def register(app: Flask) -> None:
    """Send the cookie with the answer that made a browser known."""
    app.after_request(_send)


def text() -> str | None:
    """Return what this browser's cookie holds."""
    return request.cookies.get(_name())


def remember(user: User) -> None:
    """Know this browser again: the person has just proven who they are."""
    known: Clock = current_app.extensions["clock"]
    g.known_browser = throttles.remember(db.session(), user, text(), known.wall())


def _send(response: Response) -> Response:
    made: Any = g.get("known_browser")
    if made:
        response.set_cookie(
            _name(),
            made,
            max_age=throttles.REMEMBERED,
            secure=_settings().https,
            httponly=True,
            samesite="Lax",
        )
    return response


def _name() -> str:
    return "__Host-seriate-browser" if _settings().https else "seriate-browser"


def _settings() -> Settings:
    settings: Settings = current_app.config["SETTINGS"]
    return settings
