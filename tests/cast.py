"""The named cast. Harbor is a small clinic in New York time; Hill is another, whose people must see nothing of it.

At Harbor: Ada (admin), Mona (manager), Alice (front desk), Nick (nurse), Rita (read-only), and Nora, a patient. At
Hill: Oscar (admin) and Otto, a patient. NOW is a Monday morning, 08:00 in New York.
"""

from dataclasses import dataclass, field
from datetime import time
from functools import cache

import pytest
from sqlalchemy import select
from sqlalchemy.orm import object_session

from scheduler.models.clinic import Clinic
from scheduler.models.location import Location
from scheduler.models.patient import Patient
from scheduler.models.practitioner import Practitioner
from scheduler.models.user import Membership, StaffRole, User, member
from scheduler.services.account import accounts
from scheduler.services.actors import Actor
from scheduler.services.clinic import places, plans, schedules, sites
from scheduler.services.clinic.schedules import Hours
from scheduler.services.patient import patients
from tests.clocks import NOW
from tests.engines import SCENES, scene

PASSWORD = "a quiet cup of tea"
SETTINGS = {"answer_contacts": ["mona@example.org"]}  # of Harbor: what set-up asks for


@dataclass
class Cast:
    """Who is there; chairs, rooms and people by name."""

    clinic: Clinic
    users: dict[str, User] = field(default_factory=dict)
    places: dict[str, Location] = field(default_factory=dict)
    people: dict[str, Practitioner] = field(default_factory=dict)
    patients: dict[str, Patient] = field(default_factory=dict)

    def actor(self, name: str) -> Actor:
        """Return a member of staff as an interface would see them."""
        user = self.users[name]
        return Actor(self.clinic, user, member(object_session(user), user.id, self.clinic.id).role, "staff")

    @property
    def prescriber(self) -> Actor:
        """A member of staff with the role that may complete and override every requirement of the shipped protocols."""
        return Actor(self.clinic, self.users["ada"], StaffRole.PRESCRIBER, "staff")

    @property
    def command(self) -> Actor:
        return Actor(self.clinic, None, None, "command")


@scene("harbor")
def build_harbor(session) -> None:
    cast = found(session, "harbor", "Harbor Clinic", "America/New_York")
    roles = {
        "ada": StaffRole.ADMIN,
        "mona": StaffRole.MANAGER,
        "alice": StaffRole.FRONT_DESK,
        "nick": StaffRole.NURSE,
        "rita": StaffRole.READ_ONLY,
    }
    for name, role in roles.items():
        hire(session, cast, name, role)
    cast.clinic.settings_document = SETTINGS
    for name in ("Chair 1", "Chair 2", "Chair 3"):
        add_place(session, cast, name, "chair")
    add_place(session, cast, "Room A", "room")
    for name, role in (("Nina", "nurse"), ("Noah", "nurse"), ("Pia", "prescriber"), ("Theo", "therapist")):
        add_person(session, cast, name, role)
    add_patient(session, cast, "Nora", "Lindqvist", email="nora@example.org", email_ok=True)
    for plan in shipped():
        plans.load(session, cast.command, plan, NOW)


@scene("hill")
def build_hill(session) -> None:
    cast = found(session, "hill", "Hill Clinic", "Europe/Berlin")
    hire(session, cast, "oscar", StaffRole.ADMIN)
    add_place(session, cast, "Liege 1", "chair")
    add_person(session, cast, "Nadja", "nurse")
    add_patient(session, cast, "Otto", "Ohnesorg")


@scene("staffed")
def build_passwords(session) -> None:
    for user in cast_of(session, "harbor").users.values():
        accounts.set_password(session, user, PASSWORD)


@pytest.fixture
def harbor(session) -> Cast:
    """Harbor with its people, hours, chairs and the shipped protocols."""
    return stored(session, cast_of(session, "harbor") or built(session, "harbor"))


@pytest.fixture
def hill(session) -> Cast:
    """Another clinic: its people must see nothing of Harbor."""
    return stored(session, cast_of(session, "hill") or built(session, "hill"))


@pytest.fixture
def staffed(harbor) -> Cast:
    """Harbor, whose users have passwords."""
    return harbor


def stored(session, rows):
    """Return rows as a fixture leaves them: no transaction is open, and they are read when a test looks at them."""
    session.commit()
    return rows


def built(session, key) -> Cast:
    """Write the scene into a database that was not made from a template, such as one on a server of a test's own."""
    SCENES[key](session)
    session.commit()
    return cast_of(session, key)


def cast_of(session, key) -> Cast | None:
    """Return the cast of a clinic, or None if it is not in the database."""

    def rows(model, order):
        return session.scalars(select(model).where(model.clinic_id == clinic.id).order_by(order))

    clinic = session.scalar(select(Clinic).where(Clinic.key == key))
    if clinic is None:
        return None
    members = select(User).join(Membership).where(Membership.clinic_id == clinic.id).order_by(User.id)
    return Cast(
        clinic,
        {user.email.partition("@")[0]: user for user in session.scalars(members)},
        {place.name: place for place in rows(Location, Location.rank)},
        {person.name: person for person in rows(Practitioner, Practitioner.rank)},
        {patient.given_name: patient for patient in rows(Patient, Patient.id)},
    )


@cache
def shipped():
    """Return the shipped plans, read once: plans are values."""
    return tuple(plans.shipped())


def found(session, key, name, zone_name) -> Cast:
    """Found a clinic that is open on working days from 8 to 18."""
    cast = bare(session, key, name, zone_name)
    week = [Hours(weekday, time(8), time(18)) for weekday in range(1, 6)]
    schedules.set_hours(session, cast.command, None, week, NOW)
    return cast


def bare(session, key, name, zone_name) -> Cast:
    """Found a clinic that has nothing but the site every clinic has."""
    clinic = Clinic(key=key, name=name, zone_name=zone_name)
    session.add(clinic)
    session.flush()
    sites.found_first(session, clinic)
    return Cast(clinic)


def hire(session, cast, name, role) -> User:
    user = accounts.create_user(session, cast.clinic, f"{name}@example.org", role, NOW, name.title())
    cast.users[name] = user
    return user


def add_place(session, cast, name, kind) -> Location:
    fields = {"name": name, "kind": kind, "rank": len(cast.places)}
    cast.places[name] = places.create_location(session, cast.command, fields, NOW)
    return cast.places[name]


def add_person(session, cast, name, *roles) -> Practitioner:
    fields = {"name": name, "roles": roles, "rank": len(cast.people)}
    cast.people[name] = places.create_practitioner(session, cast.command, fields, NOW)
    return cast.people[name]


def add_patient(session, cast, given_name, family_name, **fields) -> Patient:
    fields = {"given_name": given_name, "family_name": family_name, **fields}
    cast.patients[given_name] = patients.create(session, cast.command, fields, NOW)
    return cast.patients[given_name]
