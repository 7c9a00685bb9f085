"""Booking a visit that was only proposed: a booster months ahead that gets its time at last, in the same row."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from scheduler.errors import WrongStatus
from scheduler.models.appointment import Appointment
from scheduler.models.location import Location
from scheduler.models.practitioner import Practitioner
from scheduler.services.actors import Actor
from scheduler.services.course import booking
from scheduler.services.planning import assignments
from scheduler.services.planning.courses import is_projected
from scheduler.services.planning.placing import place
from scheduler.services.planning.visit_rows import People, action_of
from scheduler.services.trail import audit
from scheduler.services.visit.changes import changing, release_expired


def book_proposed(
    session: Session,
    actor: Actor,
    appointment: Appointment,
    start: datetime,
    now: datetime,
    location: Location | None = None,
    practitioners: Sequence[Practitioner] = (),
) -> Appointment:
    """Give a proposed visit its time, place and people. Raises WrongStatus, Invalid, NoFitFound or SlotTaken."""
    if not is_projected(appointment):
        raise WrongStatus(f"{appointment.title} is {appointment.status.words}: it cannot be booked")
    assignments.require(action_of(appointment), location, practitioners)
    chosen = [one.resource_id for one in (location, *practitioners) if one is not None]
    patient = appointment.patient
    release_expired(session, actor.clinic, now)
    visit = place(session, actor, patient, action_of(appointment), start, now, chosen)
    with changing(session, actor, now, [appointment], [(patient, [visit])]) as change:
        change.put(appointment, visit, People(session, actor.clinic, [visit]))
        appointment.book_by_on = None
        booking.announce(change, appointment.care_plan, [appointment])
        audit.record(session, actor, "appointment.booked", appointment, now)
    return appointment
