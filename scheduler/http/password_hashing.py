"""How passwords are hashed, by pages and commands alike.

argon2id alone (RFC 9106 by OWASP's parameters), without the extra HMAC that would tie them to a key of this
installation. The hashing is Flask-Security's, which takes its parameters from the app.
"""

from __future__ import annotations

from typing import Any

from flask import Flask
from flask_security import Security, SQLAlchemyUserDatastore

from config import Settings
from scheduler.database import db
from scheduler.models.user import NoRole, User

ARGON2 = {"memory_cost": 19 * 1024, "time_cost": 2, "parallelism": 1}  # OWASP's least: 19 MiB, t=2, p=1
ARGON2_IN_TESTS = {"memory_cost": 64, "time_cost": 1, "parallelism": 1}


def init_app(app: Flask) -> None:
    """Let an app without pages hash passwords; web/accounts.py does so for one with pages."""
    app.config.update(options(app.config["SETTINGS"]))
    Security(app, SQLAlchemyUserDatastore(db, User, NoRole), register_blueprint=False)


def options(settings: Settings) -> dict[str, Any]:
    """Return Flask-Security's settings for hashing; its commands are left out."""
    cost = ARGON2_IN_TESTS if settings.app_env == "test" else ARGON2
    return {
        "SECURITY_PASSWORD_SCHEMES": ["argon2"],
        "SECURITY_PASSWORD_HASH": "argon2",
        "SECURITY_PASSWORD_SINGLE_HASH": ["argon2"],
        "SECURITY_PASSWORD_HASH_PASSLIB_OPTIONS": {f"argon2__{name}": value for name, value in cost.items()},
        "SECURITY_CLI_USERS_NAME": None,
        "SECURITY_CLI_ROLES_NAME": None,
    }
