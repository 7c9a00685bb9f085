"""One visit, with three counters that must not be mixed up.

`sequence` counts what a calendar shows (start, end, place, iCalendar STATUS) and `changed_at` is the time of that
change: SEQUENCE, DTSTAMP and LAST-MODIFIED of feed and mail. `schedule_version` counts that the time or the site
changed or that the visit became live or not live: reminders, private links and the sending check are bound to it.
`row_version` counts any edit: the ETag. `changed_at` alone moves on when calendars only call a visit something else.
The wall-clock start is kept beside the instant, because zone rules change under bookings.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from itertools import takewhile
from typing import TYPE_CHECKING, Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from sqlalchemy import Index, String, Text, UniqueConstraint, select
from sqlalchemy.orm import (
    Mapped,
    Session,
    joinedload,
    mapped_column,
    object_session,
    relationship,
    selectinload,
)

from scheduler.database import Model, UTCDateTime
from scheduler.domain.formats import USUAL, Formats
from scheduler.domain.plans import DosingGap
from scheduler.domain.status import AppointmentStatus, CourseEffect, Response, Stage
from scheduler.models.care_plan import CarePlan
from scheduler.models.clinic import Clinic
from scheduler.models.columns import Document, InClinic, Public, choice, in_order, own, refers
from scheduler.models.location import Location
from scheduler.models.patient import Patient
from scheduler.models.practitioner import Practitioner
from scheduler.models.site import Site

if TYPE_CHECKING:
    from scheduler.models.appointment_event import AppointmentEvent


class Participant(InClinic, Model):
    """A practitioner of a visit, in order of appearance."""

    __tablename__ = "participant"
    __table_args__ = (
        refers("appointment_id", "appointment"),
        refers("practitioner_id", "practitioner"),
        UniqueConstraint("appointment_id", "practitioner_id"),
        Index("ix_participant_practitioner", "practitioner_id", "appointment_id"),  # a person's day and feed
    )

    appointment_id: Mapped[int]
    practitioner_id: Mapped[int]
    rank: Mapped[int] = mapped_column(default=0)

    practitioner: Mapped[Practitioner] = relationship(
        Practitioner, primaryjoin="foreign(Participant.practitioner_id) == Practitioner.id"
    )


class Appointment(InClinic, Public, Model):
    """`end_at` is when the patient may leave; what is occupied may go on (turnover).

    `phases` is a snapshot of [{name, minutes, attended}], so a later change of the protocol moves nothing. `uid` is for
    life. `replaces_id` is the cancelled or missed visit that this one makes up for. `dosing_gap_days` is the fewest
    local days since the patient's previous visit that gives the drug; None for a visit that gives none. `course_effect`
    is set for a canceled or missed visit of a course; None: there is nothing to make up.
    """

    __tablename__ = "appointment"
    __table_args__ = own(
        refers("patient_id", "patient"),
        refers("care_plan_id", "care_plan"),
        refers("location_id", "location"),
        refers("replaces_id", "appointment"),
        in_order("start_at", "end_at", "order"),
        Index("ix_appointment_day", "clinic_id", "start_at"),  # the board's day, lists by time
        Index("ix_appointment_local", "clinic_id", "local_start"),  # the visits of a report
        Index("ix_appointment_patient", "patient_id", "start_at"),  # the patient's page and feed
        Index("ix_appointment_location", "location_id", "start_at"),  # a chair's day and feed
    )

    patient_id: Mapped[int]
    care_plan_id: Mapped[int | None] = mapped_column(index=True)
    location_id: Mapped[int | None]
    action: Mapped[str] = mapped_column(String(60))
    kind: Mapped[str] = mapped_column(String(40))
    title: Mapped[str] = mapped_column(String(120))
    series: Mapped[str | None] = mapped_column(String(60))
    position: Mapped[int | None]
    series_length: Mapped[int | None]
    visible: Mapped[bool] = mapped_column(default=True)
    status: Mapped[AppointmentStatus] = mapped_column(choice(AppointmentStatus, "status"))
    stage: Mapped[Stage | None] = mapped_column(choice(Stage, "stage"))
    response: Mapped[Response] = mapped_column(choice(Response, "response"), default=Response.NEEDS_ACTION)
    start_at: Mapped[datetime] = mapped_column(UTCDateTime)
    end_at: Mapped[datetime] = mapped_column(UTCDateTime)
    local_start: Mapped[datetime]
    zone_name: Mapped[str] = mapped_column(String(60))
    phases: Mapped[list[dict[str, Any]]] = mapped_column(Document)
    uid: Mapped[str] = mapped_column(String(64), unique=True, default=lambda: str(uuid4()))
    sequence: Mapped[int] = mapped_column(default=0)
    schedule_version: Mapped[int] = mapped_column(default=1)
    row_version: Mapped[int] = mapped_column(default=1)
    changed_at: Mapped[datetime] = mapped_column(UTCDateTime)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    pinned: Mapped[bool] = mapped_column(default=False)
    dosing_gap_days: Mapped[int | None]
    dosing_gap_hard: Mapped[bool] = mapped_column(default=False)
    cancelled_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    cancelled_quietly: Mapped[bool] = mapped_column(default=False)  # the patient gets no mail about it
    cancel_side: Mapped[str | None] = mapped_column(String(12))
    status_reason: Mapped[str] = mapped_column(Text, default="")
    course_effect: Mapped[CourseEffect | None] = mapped_column(choice(CourseEffect, "course_effect"))
    book_by_on: Mapped[date | None]
    imported_at: Mapped[datetime | None] = mapped_column(
        UTCDateTime
    )  # a past visit, entered from a file then
    replaces_id: Mapped[int | None]

    patient: Mapped[Patient] = relationship(
        Patient, primaryjoin="foreign(Appointment.patient_id) == Patient.id"
    )
    care_plan: Mapped[CarePlan | None] = relationship(
        CarePlan,
        primaryjoin="foreign(Appointment.care_plan_id) == CarePlan.id",
        back_populates="appointments",
    )
    location: Mapped[Location | None] = relationship(
        Location, primaryjoin="foreign(Appointment.location_id) == Location.id"
    )
    participants: Mapped[list[Participant]] = relationship(
        Participant,
        primaryjoin="Appointment.id == foreign(Participant.appointment_id)",
        order_by=Participant.rank,
        cascade="all, delete-orphan",
    )
    events: Mapped[list[AppointmentEvent]] = relationship(
        "AppointmentEvent",
        primaryjoin="Appointment.id == foreign(AppointmentEvent.appointment_id)",
        order_by="AppointmentEvent.id",
    )

    @property
    def numbered_title(self) -> str:
        """The title with its number in the series, such as "Infusion 3"."""
        return self.title if self.position is None else f"{self.title} {self.position}"

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.zone_name)

    @property
    def dosing(self) -> DosingGap | None:
        """The gap that its protocol asks for before a visit that gives the drug."""
        days = self.dosing_gap_days
        return None if days is None else DosingGap(days, self.dosing_gap_hard)

    @dosing.setter
    def dosing(self, gap: DosingGap | None) -> None:
        self.dosing_gap_days = gap.days if gap else None
        self.dosing_gap_hard = gap is not None and gap.hard

    @property
    def lead(self) -> timedelta:
        """How long before the patient comes the first phase starts (a room is prepared)."""
        before = takewhile(lambda phase: not phase.get("attended", True), self.phases)
        return timedelta(minutes=sum(phase["minutes"] for phase in before))

    @property
    def formats(self) -> Formats:
        """How its clinic writes dates and times."""
        session = object_session(self)
        clinic = session.get(Clinic, self.clinic_id) if session else None
        return clinic.formats if clinic else USUAL

    @property
    def practitioners(self) -> list[Practitioner]:
        return [participant.practitioner for participant in self.participants]


def sites_of(visits: Iterable[Appointment]) -> set[Site]:
    """Return where these visits are; one by phone or video is nowhere."""
    return {one.location.site for one in visits if one.location is not None}


def common_site(visits: Iterable[Appointment]) -> Site | None:
    """Return where all of these visits are; None when that is several sites, or none."""
    sites = sites_of(visits)
    return sites.pop() if len(sites) == 1 else None


def by_public_id(session: Session, clinic_id: int, public_id: str) -> Appointment | None:
    query = select(Appointment).where(Appointment.clinic_id == clinic_id, Appointment.public_id == public_id)
    return session.scalar(query)


def appointments_of(care_plan: CarePlan) -> list[Appointment]:
    """Return all visits of a course, in the order of their starts when they were read."""
    return care_plan.appointments


def of_patient(session: Session, patient: Patient) -> list[Appointment]:
    """Return all visits of a patient with their places and people, in order of time."""
    query = select(Appointment).where(
        Appointment.clinic_id == patient.clinic_id, Appointment.patient_id == patient.id
    )
    query = query.options(
        joinedload(Appointment.location),
        joinedload(Appointment.care_plan),
        selectinload(Appointment.participants).joinedload(Participant.practitioner),
    )
    return list(session.scalars(query.order_by(Appointment.start_at, Appointment.id)))
