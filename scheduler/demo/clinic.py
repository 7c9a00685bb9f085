"""The demo clinic set up from its file: places, people, hours, what closes, accounts."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from scheduler.demo import calendar
from scheduler.domain.localtime import to_utc
from scheduler.models.clinic import Clinic
from scheduler.models.location import Location
from scheduler.models.practitioner import Practitioner
from scheduler.models.resource import Resource
from scheduler.models.schedule import ClosureKind
from scheduler.models.user import StaffRole, User
from scheduler.services.account import accounts
from scheduler.services.actors import Actor
from scheduler.services.clinic import clinics, holidays, places, schedules
from scheduler.services.mail import settings_changes


@dataclass(frozen=True)
class Account:
    """A sign-in, with its password in clear: it is printed once and kept nowhere in the database."""

    email: str
    password: str
    role: StaffRole
    user: User


@dataclass(frozen=True)
class Cast:
    """The clinic and who acts in it."""

    clinic: Clinic
    accounts: tuple[Account, ...]

    def actor(self, role: StaffRole) -> Actor:
        """Return the account with this role, about to do one thing."""
        account = next(one for one in self.accounts if one.role is role)
        return Actor(self.clinic, account.user, role, "staff")

    def patient(self) -> Actor:
        """Return a patient, about to answer by a private link."""
        return Actor(self.clinic, None, None, "patient")


def set_up(session: Session, document: Mapping[str, Any], today: date, since: datetime) -> Cast:
    """Make the clinic as it is from `since` on; what closes is counted from `today`, which is always open."""
    clinic = clinics.found(
        session,
        document["key"],
        document["name"],
        document["zone"],
        since,
        document.get("country", "US"),
        document.get("subdivision"),
        document.get("phone", ""),
        document.get("address", ""),
    )
    actor = Actor(clinic, None, None, "command")
    settings_changes.change(session, actor, document.get("settings", {}), since)
    schedules.set_hours(session, actor, None, calendar.weekly(document["hours"]), since)
    resources = _places(session, actor, document, since) | _people(session, actor, document, since)
    first, last = since.date(), today + timedelta(days=clinic.settings.planning_horizon_days)
    kept, day = document.get("holidays", ()), timedelta(days=1)
    for begins, ends in ((first, today - day), (today + day, last)):
        holidays.close_public(session, actor, begins, ends, since, kept)
    _open_extra_days(session, actor, document, resources, first, last, since)
    if today.isoweekday() not in {hours.weekday for hours in calendar.weekly(document["hours"])}:
        _open_today(session, actor, document, resources, today, since)
    _send_away(session, actor, document, resources, today, since)
    accounts = _accounts(session, clinic, document, resources, since)
    contacts = {"answer_contacts": document["answer_contacts"]}
    settings_changes.change(session, actor, contacts, since)
    return Cast(clinic, accounts)


def _places(
    session: Session, actor: Actor, document: Mapping[str, Any], now: datetime
) -> dict[str, Location | Practitioner]:
    listed = [(kind, entry) for kind in ("chair", "room") for entry in document[f"{kind}s"]]
    return {
        entry["name"]: places.create_location(session, actor, {"kind": kind, "rank": rank, **entry}, now)
        for rank, (kind, entry) in enumerate(listed)
    }


def _people(
    session: Session, actor: Actor, document: Mapping[str, Any], now: datetime
) -> dict[str, Location | Practitioner]:
    people: dict[str, Location | Practitioner] = {}
    for rank, entry in enumerate(document["people"]):
        fields = {"name": entry["name"], "roles": entry["roles"], "rank": rank}
        person = places.create_practitioner(session, actor, fields, now)
        schedules.set_hours(session, actor, person.resource, calendar.weekly(entry["shifts"]), now)
        people[entry["name"]] = person
    return people


def _open_extra_days(
    session: Session,
    actor: Actor,
    document: Mapping[str, Any],
    resources: Mapping[str, Location | Practitioner],
    first: date,
    last: date,
    now: datetime,
) -> None:
    for day, entry in calendar.extra_days(document, first, last):
        who: list[Resource | None] = [None, *(resources[name].resource for name in entry["people"])]
        for resource in who:
            schedules.set_override(session, actor, resource, day, [calendar.times_of(entry["times"])], now)


def _open_today(
    session: Session,
    actor: Actor,
    document: Mapping[str, Any],
    resources: Mapping[str, Location | Practitioner],
    today: date,
    now: datetime,
) -> None:
    """Let the clinic work on the day the demo is started, as on a usual day: most people try it on a weekend."""
    schedules.set_override(session, actor, None, today, calendar.usual_hours(document["hours"]), now)
    for entry in document["people"]:
        if hours := calendar.usual_hours(entry["shifts"]):
            schedules.set_override(session, actor, resources[entry["name"]].resource, today, hours, now)


def _send_away(
    session: Session,
    actor: Actor,
    document: Mapping[str, Any],
    resources: Mapping[str, Location | Practitioner],
    today: date,
    now: datetime,
) -> None:
    for entry in document.get("away", ()):
        who = resources[entry["who"]]
        first = today + timedelta(days=entry["in_days"])
        start = calendar.midnight(first)
        end = calendar.midnight(first + timedelta(days=entry.get("days", 1)))
        if "times" in entry:
            start, end = (datetime.combine(first, at) for at in calendar.times_of(entry["times"]))
        zone, kind = (
            actor.clinic.zone,
            ClosureKind.CLOSURE if isinstance(who, Location) else ClosureKind.LEAVE,
        )
        instants = to_utc(start, zone), to_utc(end, zone)
        schedules.close(session, actor, *instants, now, who.resource, kind, entry["reason"])


def _accounts(
    session: Session,
    clinic: Clinic,
    document: Mapping[str, Any],
    resources: Mapping[str, Location | Practitioner],
    now: datetime,
) -> tuple[Account, ...]:
    made = []
    for entry in document["accounts"]:
        role, password = StaffRole(entry["role"]), secrets.token_urlsafe(15)
        user = accounts.create_user(session, clinic, entry["email"], role, now, entry["name"])
        accounts.set_password(session, user, password)
        person = resources.get(entry.get("person", ""))
        if isinstance(person, Practitioner):
            person.user_id = user.id
        made.append(Account(user.email, password, role, user))
    return tuple(made)
