"""Calendar links that end with the access they were made under.

A link of the clinic, a practitioner or a location ends when its maker's membership ends, and a practitioner's own
link also when the practitioner's account leaves the clinic or the practitioner becomes inactive. A link that was made
for a patient belongs to the patient: it ends with its maker only when the admin asks for it.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from scheduler.models.calendar_feed import CalendarFeed
from scheduler.models.practitioner import Practitioner
from scheduler.models.resource import Resource, ResourceKind
from scheduler.models.user import User
from scheduler.services.actors import Actor
from scheduler.services.feed import feeds


def of_member(session: Session, clinic_id: int, user_id: int) -> list[CalendarFeed]:
    """Return the links in use that end when this person leaves the clinic."""
    patients = select(Resource.id).where(Resource.kind == ResourceKind.PATIENT)
    own = select(Practitioner.resource_id).where(
        Practitioner.clinic_id == clinic_id, Practitioner.user_id == user_id
    )
    staff = or_(CalendarFeed.resource_id.is_(None), CalendarFeed.resource_id.not_in(patients))
    made = (CalendarFeed.created_by_id == user_id) & staff
    query = select(CalendarFeed).where(
        CalendarFeed.clinic_id == clinic_id,
        CalendarFeed.revoked_at.is_(None),
        or_(made, CalendarFeed.resource_id.in_(own)),
    )
    return list(session.scalars(query.order_by(CalendarFeed.id)))


def for_patients_by(session: Session, clinic_id: int, user_id: int) -> list[CalendarFeed]:
    """Return the links in use that this person made for patients."""
    query = (
        select(CalendarFeed)
        .join(Resource, Resource.id == CalendarFeed.resource_id)
        .where(
            CalendarFeed.clinic_id == clinic_id,
            CalendarFeed.revoked_at.is_(None),
            CalendarFeed.created_by_id == user_id,
            Resource.kind == ResourceKind.PATIENT,
        )
    )
    return list(session.scalars(query.order_by(CalendarFeed.id)))


def end_of_member(session: Session, actor: Actor, user: User, now: datetime, *, patients_too: bool) -> int:
    """End the links that go with a membership, those made for patients only if asked; return how many."""
    ending = of_member(session, actor.clinic.id, user.id)
    if patients_too:
        ending += for_patients_by(session, actor.clinic.id, user.id)
    for feed in ending:
        feeds.revoke(session, actor, feed, now)
    return len(ending)


def end_of_practitioner(session: Session, actor: Actor, person: Practitioner, now: datetime) -> None:
    """End the links to the calendar of a practitioner who no longer works here."""
    for feed in feeds.of_resource(session, actor.clinic.id, person.resource_id):
        feeds.revoke(session, actor, feed, now)
