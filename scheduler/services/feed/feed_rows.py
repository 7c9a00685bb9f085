"""Which visits a feed shows, read in one query, and which of them are only tombstones.

A cancelled visit stays until 30 days after the later of its end and its cancellation: most clients keep an event that
merely vanished. The same holds for a visit that a practitioner or a place has left, in their own feed, at its old time.
One that was moved beyond a feed's end stays too, where it is now: without it the old time would stand for ever.
What never stood (a reservation that ran out) was in no calendar and leaves no stone: its `sequence` is still 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, func, not_, or_, select, true
from sqlalchemy.orm import Session

from scheduler.domain.status import IN_CALENDARS, WITHDRAWN, AppointmentStatus
from scheduler.models.allocation import Allocation
from scheduler.models.appointment import Appointment, Participant
from scheduler.models.calendar_feed import CalendarFeed
from scheduler.models.clinic import Clinic
from scheduler.models.location import Location
from scheduler.models.patient import Patient
from scheduler.models.practitioner import Practitioner
from scheduler.models.site import Site

PATIENT_BACK = timedelta(days=90)
STAFF_BACK, STAFF_AHEAD = timedelta(days=14), timedelta(days=180)
TOMBSTONES = timedelta(days=30)
MOST_EVENTS = 10_000  # of a staff feed: some 3 MB, and what calendar programs still take


class SiteOfVisit(NamedTuple):
    """What a patient's calendar says of where a visit is."""

    name: str
    address: str
    phone: str


class FeedVisit(NamedTuple):
    """A visit with all that any feed may show of it."""

    uid: str
    status: AppointmentStatus
    start_at: datetime
    end_at: datetime
    sequence: int
    changed_at: datetime
    public_id: str
    title: str
    position: int | None
    series_length: int | None
    place: str | None
    site: SiteOfVisit | None
    given_name: str
    family_name: str
    patient_id: str


VISITS = (
    select(
        Appointment.uid,
        Appointment.status,
        Appointment.start_at,
        Appointment.end_at,
        Appointment.sequence,
        Appointment.changed_at,
        Appointment.public_id,
        Appointment.title,
        Appointment.position,
        Appointment.series_length,
        Location.name,
        Site.name,
        Site.address,
        Site.phone,
        Patient.given_name,
        Patient.family_name,
        Patient.public_id,
    )
    .join(Patient, Patient.id == Appointment.patient_id)
    .outerjoin(Location, Location.id == Appointment.location_id)
    .outerjoin(Site, Site.id == Location.site_id)
)
SITE = 11  # where the columns of the site begin


@dataclass(frozen=True, slots=True)
class Whose:
    """Whom a feed belongs to: at most one of the three; none is the whole clinic."""

    patient: Patient | None = None
    practitioner: Practitioner | None = None
    location: Location | None = None

    @property
    def name(self) -> str:
        """Their name, unless it is a patient's: no calendar is called by one."""
        owner = self.practitioner or self.location
        return owner.name if owner else ""

    @property
    def visits(self) -> ColumnElement[bool]:
        """What makes an appointment one of theirs."""
        if self.patient is not None:
            return Appointment.patient_id == self.patient.id
        if self.location is not None:
            return Appointment.location_id == self.location.id
        if self.practitioner is not None:
            taking_part = Participant.practitioner_id == self.practitioner.id
            return Appointment.id.in_(select(Participant.appointment_id).where(taking_part))
        return true()


@dataclass(frozen=True, slots=True)
class Span:
    """What a feed shows: visits that end after `start` and begin before `end`, and tombstones since `stones`."""

    start: datetime
    end: datetime | None
    stones: datetime


def owner(session: Session, feed: CalendarFeed) -> Whose:
    """Return whom the feed belongs to."""
    if feed.resource_id is None:
        return Whose()

    def owned(model: Any) -> Any:
        theirs = (model.clinic_id == feed.clinic_id, model.resource_id == feed.resource_id)
        return session.scalar(select(model).where(*theirs))

    return Whose(owned(Patient), owned(Practitioner), owned(Location))


def span(feed: CalendarFeed, clinic: Clinic, whose: Whose, now: datetime) -> Span:
    """Return the feed's window on the clinic's present day; a patient's has no end unless it was chosen."""
    today = now.astimezone(clinic.zone).date()
    back, ahead = (STAFF_BACK, STAFF_AHEAD) if whose.patient is None else (PATIENT_BACK, None)
    if feed.days_back is not None:
        back = timedelta(days=feed.days_back)
    if feed.days_ahead is not None:
        ahead = timedelta(days=feed.days_ahead)
    return Span(
        _midnight(today - back, clinic),
        _midnight(today + ahead, clinic) if ahead is not None else None,
        _midnight(today - TOMBSTONES, clinic),
    )


def visits(session: Session, clinic: Clinic, whose: Whose, shows: Span) -> list[FeedVisit]:
    """Return the feed's visits and the tombstones of canceled ones; of staff's the soonest, if there are too many."""
    standing = and_(Appointment.status.in_(IN_CALENDARS), Appointment.end_at > shows.start)
    lately = or_(Appointment.end_at >= shows.stones, Appointment.cancelled_at >= shows.stones)
    gone = and_(Appointment.status.in_(WITHDRAWN), Appointment.sequence > 0, lately)
    query = VISITS.where(Appointment.clinic_id == clinic.id, whose.visits, or_(standing, gone))
    if shows.end is not None:
        query = query.where(or_(Appointment.start_at < shows.end, _was_before(shows.end)))
    if whose.patient is not None and not clinic.settings.show_hidden_visits:
        query = query.where(Appointment.visible)
    if whose.patient is None:
        query = query.order_by(Appointment.start_at, Appointment.id).limit(MOST_EVENTS)
    return [_visit(row) for row in session.execute(query)]


def _visit(row: Sequence[Any]) -> FeedVisit:
    name, address, phone = row[SITE : SITE + 3]
    site = SiteOfVisit(name, address, phone) if name else None
    return FeedVisit._make([*row[:SITE], site, *row[SITE + 3 :]])


def _was_before(end: datetime) -> ColumnElement[bool]:
    """What makes a visit one that once was to begin before `end`: what it took up then was let go."""
    return (
        select(Allocation.id)
        .where(
            Allocation.appointment_id == Appointment.id,
            Allocation.released_at.is_not(None),
            Allocation.start_at < end,
        )
        .exists()
    )


def left(session: Session, clinic: Clinic, whose: Whose, shows: Span) -> list[FeedVisit]:
    """Return, as cancelled at its old time, each visit that a practitioner or a place has left."""
    place_or_person = whose.practitioner or whose.location
    if place_or_person is None:
        return []
    was = (
        select(
            Allocation.appointment_id,
            Allocation.released_at,
            func.min(Allocation.start_at).label("start_at"),
            func.max(Allocation.end_at).label("end_at"),
        )
        .where(
            Allocation.clinic_id == clinic.id,
            Allocation.resource_id == place_or_person.resource_id,
            or_(Allocation.released_at >= shows.stones, Allocation.end_at >= shows.stones),
            Allocation.released_at.is_not(None),
        )
        .group_by(Allocation.appointment_id, Allocation.released_at)
        .subquery()
    )
    query = (
        VISITS.add_columns(was.c.start_at, was.c.end_at, was.c.released_at)
        .join(was, was.c.appointment_id == Appointment.id)
        .where(Appointment.sequence > 0, not_(whose.visits))
        .order_by(was.c.released_at)
    )
    latest: dict[str, FeedVisit] = {}
    for *columns, start_at, end_at, left_at in session.execute(query):
        latest[columns[0]] = _stone(_visit(columns), start_at, end_at, left_at)
    return list(latest.values())


def _stone(visit: FeedVisit, start_at: datetime, end_at: datetime, left_at: datetime) -> FeedVisit:
    """Return the visit as it was here, canceled. Its SEQUENCE is the present one, which is higher."""
    return visit._replace(
        status=AppointmentStatus.CANCELLED,
        start_at=start_at,
        end_at=end_at,
        changed_at=max(visit.changed_at, left_at),
        place=None,
    )


def _midnight(on: date, clinic: Clinic) -> datetime:
    return datetime.combine(on, time.min, tzinfo=clinic.zone).astimezone(UTC)
