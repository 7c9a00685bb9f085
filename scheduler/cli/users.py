"""`flask user ...`: accounts from the command line, such as the first one of an installation."""

from __future__ import annotations

import secrets

import click
from flask.cli import AppGroup

from scheduler import clock
from scheduler.cli.clinic_option import chosen, clinic_option, commander
from scheduler.cli.output import json_option, say, writing
from scheduler.database import db
from scheduler.errors import NotFound
from scheduler.models.user import StaffRole, by_email, member
from scheduler.services.account import accounts, memberships, second_factors, sessions
from scheduler.services.account.permissions import SERVICE_ROLES
from scheduler.services.trail import audit

group = AppGroup("user", help="Accounts.")


@group.command("create")
@click.argument("email")
@click.option("--role", required=True, type=click.Choice([role.value for role in StaffRole]))
@click.option("--name", default="", help="The person's name.")
@click.option("--password", envvar="SERIATE_PASSWORD", help="If omitted, one is generated and printed once.")
@clinic_option
@json_option
def create(
    email: str, role: str, name: str, password: str | None, clinic_key: str | None, as_json: bool
) -> None:
    """Make EMAIL a member of a clinic; a new account gets a password."""
    with writing():
        actor = commander(chosen(db.session(), clinic_key))
        user = accounts.create_user(db.session(), actor.clinic, email, StaffRole(role), clock.now(), name)
        made = None
        if user.password is None:
            made = None if password else secrets.token_urlsafe(15)
            accounts.set_password(db.session(), user, password or made or "")
        audit.record(db.session(), actor, "user.created", None, clock.now(), fields=[f"role:{role}"])
        values = {"email": user.email, "role": role, "clinic": actor.clinic.key, "password": made}
    line = f"{values['email']} is now {role} at {values['clinic']}"
    say(f"{line}; password (shown once): {made}" if made else line, values, as_json=as_json)


@group.command("reset-second-factor")
@click.argument("email")
@clinic_option
@json_option
def reset_second_factor(email: str, clinic_key: str | None, as_json: bool) -> None:
    """Forget EMAIL's lost phone; they set up another one at the next sign-in."""
    with writing():
        actor = commander(chosen(db.session(), clinic_key))
        user = by_email(db.session(), email)
        if user is None or member(db.session(), user.id, actor.clinic.id) is None:
            raise NotFound(f"{email} is not a member of {actor.clinic.name}")
        second_factors.reset(db.session(), actor, user, clock.now())
        values = {"email": user.email}
    say(f"{values['email']} sets up two-step verification at the next sign-in", values, as_json=as_json)


@group.command("end-sessions")
@click.argument("email")
@clinic_option
@json_option
def end_sessions(email: str, clinic_key: str | None, as_json: bool) -> None:
    """Sign EMAIL out everywhere, such as one whose laptop is lost. They are notified by mail."""
    with writing():
        actor = commander(chosen(db.session(), clinic_key))
        user = memberships.get(db.session(), actor.clinic, email.strip().lower()).user
        sessions.end_by_admin(db.session(), actor, user, clock.wall(), clock.now())
        values = {"email": user.email}
    say(f"{values['email']} is signed out everywhere", values, as_json=as_json)


@group.command("create-service")
@click.argument("name")
@click.option("--role", required=True, type=click.Choice(sorted(role.value for role in SERVICE_ROLES)))
@clinic_option
@json_option
def create_service(name: str, role: str, clinic_key: str | None, as_json: bool) -> None:
    """Make a service account NAME for an integration; make its token with flask token create --user ADDRESS."""
    with writing():
        actor = commander(chosen(db.session(), clinic_key))
        user = accounts.create_service(db.session(), actor, name, StaffRole(role), clock.now())
        values = {"email": user.email, "role": role, "clinic": actor.clinic.key}
    say(values["email"], values, as_json=as_json)
