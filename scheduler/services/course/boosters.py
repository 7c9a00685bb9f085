"""Booking a visit that was only proposed: a booster months ahead that gets its time at last, in the same row."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from scheduler.domain.status import AppointmentStatus
from scheduler.errors import WrongStatus
from scheduler.models.appointment import Appointment
from scheduler.models.location import Location
from scheduler.models.practitioner import Practitioner
from scheduler.models.versions import raise_versions
from scheduler.services.actors import Actor
from scheduler.services.course import booking
from scheduler.services.locks import lock_resources
from scheduler.services.mail import reminders
from scheduler.services.planning import assignments
from scheduler.services.planning.courses import is_projected
from scheduler.services.planning.placing import place
from scheduler.services.planning.visit_rows import People, action_of, put
from scheduler.services.trail import audit
from scheduler.services.visit import occupation
from scheduler.services.visit.events import feed_resources, schedule_changed
from scheduler.services.visit.occupation import Taking


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
        raise WrongStatus(
            f"{appointment.title} is {appointment.status.words}: it is not waiting to be booked"
        )
    assignments.require(action_of(appointment), location, practitioners)
    chosen = [one.resource_id for one in (location, *practitioners) if one is not None]
    patient = appointment.patient
    visit = place(session, actor, patient, action_of(appointment), start, now, chosen)
    lock_resources(session, occupation.resource_ids(patient.resource_id, [visit]))
    put(appointment, visit, People(session, actor.clinic, [visit]))
    appointment.book_by_on = None
    appointment.status = AppointmentStatus.BOOKED
    schedule_changed(appointment, now)
    session.flush()
    occupation.occupy(session, actor.clinic, [Taking(appointment, visit)], patient.resource_id, now)
    reminders.void_for(session, [appointment], "booked", now)
    booking.announce(session, actor, appointment.care_plan, [appointment], now)
    audit.record(session, actor, "appointment.booked", appointment, now)
    raise_versions(session, actor.clinic.id, feed_resources([appointment]), now)
    return appointment
