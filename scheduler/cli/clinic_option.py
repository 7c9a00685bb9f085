"""Which clinic a command is for: the one that --clinic names, else the only one there is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click
from sqlalchemy.orm import Session

from scheduler.models import clinic as clinics
from scheduler.models.clinic import Clinic
from scheduler.services.actors import Actor

Command = TypeVar("Command", bound=Callable[..., Any])


def clinic_option(command: Command) -> Command:
    """Give a command the option --clinic, as `clinic_key`."""
    words = "The clinic's key. Not needed where there is only one clinic."
    return click.option("--clinic", "clinic_key", metavar="KEY", help=words)(command)


def chosen(session: Session, key: str | None) -> Clinic:
    """Return the clinic with this key, or the only one. Raises ClickException."""
    if key is not None:
        clinic = clinics.by_key(session, key)
        if clinic is None:
            raise click.ClickException(f"There is no clinic {key}.")
        return clinic
    every = clinics.every(session)
    if len(every) == 1:
        return every[0]
    if not every:
        raise click.ClickException("There is no clinic yet.")
    keys = ", ".join(clinic.key for clinic in every)
    raise click.ClickException(f"There are several clinics; say which with --clinic: {keys}.")


def commander(clinic: Clinic) -> Actor:
    """Return the actor of commands, in a clinic."""
    return Actor(clinic=clinic, user=None, role=None, name="command")
