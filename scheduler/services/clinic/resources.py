"""What resources are called, inside and outside, for every kind."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import bindparam, select, union_all
from sqlalchemy.orm import Session

from scheduler.models.location import Location
from scheduler.models.practitioner import Practitioner
from scheduler.models.site import Site

PUBLIC_IDS = union_all(
    *(
        select(table.resource_id, table.public_id).where(
            table.clinic_id == bindparam("clinic_id"),
            table.resource_id.in_(bindparam("wanted", expanding=True)),
        )
        for table in (Location, Practitioner)
    )
)


def names(session: Session, clinic_id: int, resource_ids: Iterable[int]) -> dict[int, str]:
    """Return the names of chairs, rooms, people and sites by resource id; a patient is "the patient"."""
    wanted = set(resource_ids)
    found = dict.fromkeys(wanted, "the patient")
    for table in (Location, Practitioner, Site):
        query = select(table.resource_id, table.name).where(
            table.clinic_id == clinic_id, table.resource_id.in_(wanted)
        )
        found.update((resource_id, name) for resource_id, name in session.execute(query))
    return found


def public_ids(session: Session, clinic_id: int, resource_ids: Iterable[int]) -> dict[int, str]:
    """Return the public ids of chairs, rooms and people by resource id."""
    about = {"clinic_id": clinic_id, "wanted": sorted(set(resource_ids))}
    return {row.resource_id: row.public_id for row in session.execute(PUBLIC_IDS, about)}
