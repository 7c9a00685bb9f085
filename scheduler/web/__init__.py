"""Door: web."""

from flask import Flask

from scheduler.web import accounts, mailbox


def register(app: Flask) -> None:
    """Hang the door in."""
    accounts.init_app(app)
    mailbox.register(app)
