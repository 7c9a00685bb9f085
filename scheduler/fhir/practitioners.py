"""Practitioner: a person who treats. What they may do here stands as a qualification in words."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, and_, func
from sqlalchemy.orm import Session, selectinload

from scheduler.errors import NotFound
from scheduler.fhir import values
from scheduler.fhir.elements import Element, filled, own_code
from scheduler.fhir.searches import SearchableTable, SearchPage, SearchRequest
from scheduler.models import practitioner as practitioners
from scheduler.models.practitioner import Practitioner
from scheduler.services.actors import Actor

PARAMETERS = {"name": "string", "active": "token"}


def read(session: Session, actor: Actor, public_id: str, now: datetime) -> Element:
    del now
    person = practitioners.by_public_id(session, actor.clinic.id, public_id)
    if person is None:
        raise NotFound
    return view(person)


def search(session: Session, actor: Actor, asked: SearchRequest, now: datetime) -> SearchPage:
    del now
    return ROWS.search(session, actor, asked)


def view(person: Practitioner) -> Element:
    roles = sorted(role.value for role in person.roles)
    return {
        "resourceType": "Practitioner",
        "id": person.public_id,
        **filled(
            active=person.active,
            name=[{"text": person.name}],
            qualification=[{"code": own_code("role", role, role)} for role in roles],
        ),
    }


def _narrow(actor: Actor, name: str, value: str) -> ColumnElement[bool]:
    del actor
    if name == "active":
        return Practitioner.active.in_(values.truths(name, value))
    words = value.lower().split()
    return and_(*(func.lower(Practitioner.name).contains(word, autoescape=True) for word in words))


ROWS = SearchableTable(
    Practitioner,
    (Practitioner.public_id,),
    _narrow,
    view,
    options=(selectinload(Practitioner.role_rows),),
)
