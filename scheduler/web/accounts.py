"""Signing in and out, by Flask-Security: a mail address, a password, a session.

Its own ways in that are not ours are shut: authentication tokens in headers and addresses, JSON sign-in, "remember me".
How passwords are hashed is in http/password_hashing.py. Its datetimes are aware here.
"""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256
from typing import Any

from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from flask.typing import ResponseReturnValue
from flask_security import Security, SQLAlchemyUserDatastore
from flask_security.views import login
from flask_wtf.csrf import CSRFProtect

from config import Settings
from scheduler import clock
from scheduler.database import db
from scheduler.http import password_hashing
from scheduler.models.user import NoRole, User
from scheduler.services.account import second_factors
from scheduler.transactions import reads_first
from scheduler.web import passwords, second_factor, sessions
from scheduler.web.throttle import SignInForm


class SessionsBySha256(SecureCookieSessionInterface):
    """Flask's session cookie, signed by HMAC-SHA-256 instead of its default."""

    digest_method = staticmethod(sha256)


def init_app(app: Flask) -> None:
    """Set up accounts, and protection against forged requests, which must come first."""
    settings: Settings = app.config["SETTINGS"]
    app.config.update(_options(settings))
    app.session_interface = SessionsBySha256()
    if "csrf" not in app.extensions:
        CSRFProtect(app)
    security = Security(login_form=SignInForm, totp_cls=second_factors.Codes)
    security.init_app(app, SQLAlchemyUserDatastore(db, User, NoRole))
    security.principal.skip_static = True  # a style sheet does not ask the database who wants it
    # a request carries no identity but its session's; the API reads its own tokens
    security.login_manager.request_loader(lambda _: None)
    security.want_json(lambda _: False)
    app.view_functions["security.login"] = _sign_in
    sessions.register(app)
    app.register_blueprint(passwords.bp)
    second_factor.register(app)


@reads_first
def _sign_in() -> ResponseReturnValue:
    answer: ResponseReturnValue = login()
    return answer


def _options(settings: Settings) -> dict[str, Any]:
    return password_hashing.options(settings) | {
        "SECURITY_JOIN_USER_ROLES": False,
        "SECURITY_PASSWORD_NORMALIZE_FORM": "NFKC",
        "SECURITY_EMAIL_VALIDATOR_ARGS": {"check_deliverability": False, "test_environment": True},
        "SECURITY_RETURN_GENERIC_RESPONSES": True,
        "SECURITY_DATETIME_FACTORY": clock.now,
        "SECURITY_FRESHNESS": timedelta(
            minutes=-1
        ),  # its page that asks for the password again has no limit on tries
        "SECURITY_TWO_FACTOR": True,
        "SECURITY_TWO_FACTOR_REQUIRED": settings.second_factor == "required",
        "SECURITY_TWO_FACTOR_ENABLED_METHODS": [second_factors.AUTHENTICATOR],
        "SECURITY_TWO_FACTOR_IMPLEMENTATIONS": {"code": "scheduler.web.second_factor.Authenticator"},
        "SECURITY_TOTP_SECRETS": second_factors.wallet_keys(settings.signing_keys),
        "SECURITY_TOTP_ISSUER": second_factors.ISSUER,
        "SECURITY_LOGOUT_METHODS": ["POST"],
        "SECURITY_LOGOUT_CSRF": True,
        "SECURITY_MSG_UNAUTHENTICATED": ("Sign in to see this page.", "info"),
        "SECURITY_MSG_GENERIC_AUTHN_FAILED": ("Incorrect email or password.", "error"),
        "WTF_CSRF_TIME_LIMIT": None,  # the session's own limits end a form
        "WTF_CSRF_SSL_STRICT": settings.https,
    }
