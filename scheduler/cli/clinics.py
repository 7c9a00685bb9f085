"""`flask clinic ...`: the clinics of an installation."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from scheduler import clock
from scheduler.cli.clinic_option import chosen, clinic_option, commander
from scheduler.cli.output import json_option, say, writing
from scheduler.database import db
from scheduler.models import clinic as models
from scheduler.services.clinic import clinics, holidays

group = AppGroup("clinic", help="Clinics.")


@group.command("create")
@click.argument("key")
@click.option("--name", required=True, help="What patients know it by; keep it neutral.")
@click.option("--zone", required=True, help="Its time zone, such as America/New_York.")
@click.option("--country", default="US", show_default=True, help="ISO 3166-1 code, for holidays.")
@click.option("--subdivision", help="State or province, for holidays.")
@click.option("--phone", default="")
@click.option("--address", default="")
@json_option
def create(
    key: str,
    name: str,
    zone: str,
    country: str,
    subdivision: str | None,
    phone: str,
    address: str,
    as_json: bool,
) -> None:
    """Found a clinic, with the protocols that come with the program."""
    with writing():
        clinic = clinics.found(
            db.session(), key, name, zone, clock.now(), country, subdivision, phone, address
        )
        values = {"key": clinic.key, "name": clinic.name, "zone": clinic.zone_name, "id": clinic.public_id}
    say(
        f"{clinic.name} is created; add its first account: flask user create EMAIL --role admin",
        values,
        as_json=as_json,
    )


@group.command("list")
@json_option
def show(as_json: bool) -> None:
    """List the clinics."""
    every = models.every(db.session())
    values = {"clinics": [{"key": one.key, "name": one.name, "zone": one.zone_name} for one in every]}
    lines = [f"{one.key}  {one.name}  {one.zone_name}" for one in every] or ["There is no clinic yet."]
    say("\n".join(lines), values, as_json=as_json)


@group.command("holidays")
@click.option("--year", type=click.IntRange(2000, 2100), required=True)
@click.option(
    "--only", multiple=True, help="Keep only this holiday, by its name; may be given several times."
)
@clinic_option
@json_option
def close_holidays(year: int, only: tuple[str, ...], clinic_key: str | None, as_json: bool) -> None:
    """Close the clinic on the public holidays of its country and state in a year."""
    with writing():
        actor = commander(chosen(db.session(), clinic_key))
        first, last = holidays.year_of(year)
        added = holidays.close_public(db.session(), actor, first, last, clock.now(), only or None)
        values = {"closed": [{"on": one.local_start.date().isoformat(), "name": one.reason} for one in added]}
    listed = ", ".join(f"{one['on']} {one['name']}" for one in values["closed"])
    say(f"closed on {listed}" if listed else "nothing to close", values, as_json=as_json)
