"""Sites: where a clinic treats. Added, changed, taken out of use; and which one a patient's visits are at.

A clinic has one site until it adds another, and as long as it has one, no page says so.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from scheduler.domain.text import clean_line
from scheduler.errors import Invalid, NotFound, WrongStatus
from scheduler.models import site as sites
from scheduler.models import versions
from scheduler.models.appointment import Appointment
from scheduler.models.clinic import Clinic
from scheduler.models.location import Location
from scheduler.models.patient import Patient
from scheduler.models.resource import Resource, ResourceKind
from scheduler.models.site import FIRST, Site, active
from scheduler.services.actors import Actor
from scheduler.services.clinic.checked_fields import SHARED_FIELDS, checked, need
from scheduler.services.history import LONGEST_SHOWN, relabelled
from scheduler.services.trail import audit

__all__ = [
    "active",
    "asked",
    "choices",
    "closing_with",
    "create",
    "first",
    "found_first",
    "get",
    "update",
    "usual",
    "usual_of",
]

FIELDS = SHARED_FIELDS | {
    "name": lambda field, value: clean_line(field, value, 80, required=True),
    "phone": lambda field, value: clean_line(field, value, 40),
    "address": lambda field, value: clean_line(field, value, 300),
}
SHOWN = {"name", "phone", "address"}  # in patients' calendars


def found_first(session: Session, clinic: Clinic) -> Site:
    """Add the site that every clinic has from its beginning: at the clinic's own address."""
    return _added(session, clinic, {"name": FIRST})


def create(session: Session, actor: Actor, fields: Mapping[str, Any], now: datetime) -> Site:
    """Add a site: name, address, phone, rank. Raises Invalid."""
    values = checked(fields, FIELDS)
    need(values, "name")
    _refuse_same_name(session, actor.clinic, values["name"])
    site = _added(session, actor.clinic, values)
    audit.record(session, actor, "site.created", site, now, fields=values)
    versions.raise_versions(session, actor.clinic.id, [site.resource_id], now)
    return site


def update(session: Session, actor: Actor, site: Site, fields: Mapping[str, Any], now: datetime) -> Site:
    """Change a site; `active` false takes it out of use. Equal values change nothing.

    Patients' calendars show another name, address or phone number at once; nobody gets mail. Raises Invalid, and
    WrongStatus while it has chairs or rooms in use, or is the only one.
    """
    given = checked(fields, FIELDS)
    values = {name: value for name, value in given.items() if getattr(site, name) != value}
    if not values:
        return site
    if "name" in values:
        _refuse_same_name(session, actor.clinic, values["name"])
    if values.get("active") is False:
        _require_empty(session, actor.clinic, site)
    for name, value in values.items():
        setattr(site, name, value)
    concerned = _patients_at(session, site, now) if SHOWN & values.keys() else []
    if concerned:
        relabelled(session, actor.clinic.id, Appointment.location_id.in_(_places_of(site)), now)
    audit.record(session, actor, "site.changed", site, now, fields=values)
    versions.raise_versions(session, actor.clinic.id, [site.resource_id, *concerned], now)
    return site


def get(session: Session, clinic: Clinic, public_id: str) -> Site:
    """Return the clinic's site with this id. Raises NotFound."""
    site = sites.by_public_id(session, clinic.id, public_id)
    if site is None:
        raise NotFound
    return site


def closing_with(session: Session, clinic_id: int, resource_id: int) -> set[int]:
    """Return what is closed while a resource is: itself, and the chairs and rooms of a site."""
    places = select(Location.resource_id).join(Site, Site.id == Location.site_id)
    at_site = places.where(Site.clinic_id == clinic_id, Site.resource_id == resource_id)
    return {resource_id, *session.scalars(at_site)}


def choices(session: Session, clinic: Clinic) -> list[Site]:
    """Return the sites to choose from; nothing where there is no choice."""
    found = active(session, clinic.id)
    return found if len(found) > 1 else []


def first(session: Session, clinic: Clinic) -> Site:
    """Return the site that is meant where none is named."""
    return active(session, clinic.id)[0]


def usual(session: Session, clinic: Clinic, patient: Patient | None) -> Site:
    """Return where a patient is treated: the site of the latest visit, else the clinic's first."""
    return usual_of(session, clinic, [patient.id])[patient.id] if patient else first(session, clinic)


def usual_of(session: Session, clinic: Clinic, patient_ids: Collection[int]) -> dict[int, Site]:
    """Return where each of these patients is treated, in two queries at most."""
    known = active(session, clinic.id)
    found = dict.fromkeys(patient_ids, known[0])
    if len(known) == 1:
        return found
    placed = (Appointment.patient_id.in_(patient_ids), Appointment.location_id.is_not(None))
    latest = (
        select(Appointment.patient_id, func.max(Appointment.start_at).label("start_at"))
        .where(*placed)
        .group_by(Appointment.patient_id)
        .subquery()
    )
    query = (
        select(Appointment.patient_id, Site)
        .join(
            latest,
            and_(latest.c.patient_id == Appointment.patient_id, latest.c.start_at == Appointment.start_at),
        )
        .join(Location, Location.id == Appointment.location_id)
        .join(Site, Site.id == Location.site_id)
        .where(*placed, Site.active)
    )
    for patient_id, site in session.execute(query):
        found[patient_id] = site
    return found


def asked(session: Session, clinic: Clinic, public_id: str, field: str, patient: Patient) -> Site:
    """Return the site with this id, or the patient's usual one. Raises NotFound, and Invalid for one not in use."""
    if not public_id:
        return usual(session, clinic, patient)
    site = get(session, clinic, public_id)
    if not site.active:
        raise Invalid([(field, f"{site.name} is not in use")])
    return site


def _added(session: Session, clinic: Clinic, values: Mapping[str, Any]) -> Site:
    resource = Resource(clinic_id=clinic.id, kind=ResourceKind.SITE, units=1)
    session.add(resource)
    session.flush()
    site = Site(clinic_id=clinic.id, resource_id=resource.id, **values)
    session.add(site)
    session.flush()
    return site


def _refuse_same_name(session: Session, clinic: Clinic, name: str) -> None:
    if session.scalar(select(Site.id).where(Site.clinic_id == clinic.id, Site.name == name)):
        raise Invalid([("name", "is already used by another site")])


def _require_empty(session: Session, clinic: Clinic, site: Site) -> None:
    places = select(Location.name).where(Location.site_id == site.id, Location.active)
    names = session.scalars(places.order_by(Location.rank, Location.name)).all()
    if names:
        raise WrongStatus(f"{site.name} still has {', '.join(names)}; move them to another site first")
    if [one.id for one in active(session, clinic.id)] == [site.id]:
        raise WrongStatus(f"{site.name} is the only site of the clinic")


def _places_of(site: Site) -> Any:
    return select(Location.id).where(Location.site_id == site.id)


def _patients_at(session: Session, site: Site, now: datetime) -> list[int]:
    """Return the resources of the patients whose calendars show a visit at this site."""
    query = (
        select(Patient.resource_id)
        .join(Appointment, Appointment.patient_id == Patient.id)
        .where(Appointment.location_id.in_(_places_of(site)), Appointment.end_at > now - LONGEST_SHOWN)
    )
    return list(session.scalars(query.distinct()))
