"""Every feed of the demo clinic, read by two parsers of four and compared with the database."""

from datetime import UTC, datetime, time, timedelta
from itertools import cycle

from sqlalchemy import select

from scheduler.domain.status import AppointmentStatus
from scheduler.ical.entries import event_status
from scheduler.models.appointment import Appointment
from scheduler.models.location import Location
from scheduler.models.patient import Patient
from scheduler.models.practitioner import Practitioner
from scheduler.services.actors import Actor
from scheduler.services.feed import feed_events, feeds
from tests.demo_scene import TUESDAY
from tests.ical.readers import Read, by_ical_js, by_icalendar, by_ics, by_vobject

GONE = (AppointmentStatus.CANCELLED, AppointmentStatus.ENTERED_IN_ERROR)


def test_all_feeds_of_the_demo_are_read_alike(session, tuesday):
    actor = Actor(tuesday, None, None, "command")
    owners = [
        owner
        for model in (Patient, Practitioner, Location)
        for owner in session.scalars(select(model).where(model.clinic_id == tuesday.id))
    ]
    visits = list(session.scalars(select(Appointment)))
    bodies, told = [], []
    for owner in [None, *owners]:
        style = "kind" if isinstance(owner, Patient) else "initials"
        feed, _ = feeds.create(session, actor, owner.resource_id if owner else None, style, TUESDAY, 60)
        bodies.append(feed_events.calendar(session, feed, "https://clinic.example", TUESDAY))
        told.append(expected(tuesday, owner, visits))

    assert len(bodies) > 30
    assert sum(map(len, told)) > 200
    read = by_ical_js(*bodies)
    others = cycle((by_icalendar, by_vobject, by_ics))
    for body, by_node, visits_told in zip(bodies, read, told, strict=True):
        # beyond the visits there are only tombstones of those that went to other people and places
        left = {uid: one for uid, one in by_node.items() if uid not in visits_told}
        assert {one.status for one in left.values()} <= {"CANCELLED"}
        assert by_node == visits_told | left
        assert next(others)(body) == by_node
        assert max(map(len, body.split(b"\r\n"))) <= 75


def expected(clinic, owner, visits):
    today = TUESDAY.astimezone(clinic.zone).date()

    def midnight(days):
        on = today + timedelta(days=days)
        return datetime.combine(on, time.min, tzinfo=clinic.zone).astimezone(UTC)

    patients = isinstance(owner, Patient)
    first, last = (
        (midnight(-90), datetime.max.replace(tzinfo=UTC)) if patients else (midnight(-14), midnight(180))
    )
    return {
        one.uid: Read(one.start_at, one.end_at, event_status(one.status).value, one.sequence)
        for one in visits
        if belongs(one, owner)
        and event_status(one.status) is not None
        and one.start_at < last
        and (one.visible or not patients)
        and (
            one.sequence > 0 and max(one.end_at, one.cancelled_at) >= midnight(-30)
            if one.status in GONE
            else one.end_at > first
        )
    }


def belongs(visit, owner):
    if owner is None:
        return True
    if isinstance(owner, Patient):
        return visit.patient is owner
    return visit.location is owner or owner in visit.practitioners
