"""Interface: the commands under `flask`, one file per group."""

from __future__ import annotations

from flask import Flask

from scheduler.cli import (
    audit,
    backup,
    clinics,
    demo,
    demo_load,
    demo_mail,
    erasure,
    exports,
    imports,
    mail,
    patients,
    plans,
    status,
    tokens,
    users,
    web,
    zones,
)


def register(app: Flask) -> None:
    """Add every command."""
    demo.group.add_command(demo_load.load)
    demo.group.add_command(demo_mail.mail)
    for group in (
        clinics.group,
        demo.group,
        plans.group,
        users.group,
        tokens.group,
        audit.group,
        exports.group,
        imports.group,
        mail.group,
        erasure.group,
        patients.group,
        zones.group,
    ):
        app.cli.add_command(group)
    for command in (status.status, backup.backup, backup.restore, web.web):
        app.cli.add_command(command)
